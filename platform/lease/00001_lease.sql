-- +goose Up
-- Times are microseconds since 1970.
CREATE TABLE lease_leases (
	name TEXT NOT NULL PRIMARY KEY,
	holder TEXT NOT NULL,         -- or '' when it was given back
	fence BIGINT NOT NULL,        -- raised whenever it is taken
	expires_at BIGINT NOT NULL
);
CREATE TABLE lease_members (
	team TEXT NOT NULL,
	holder TEXT NOT NULL,
	data TEXT NOT NULL,
	expires_at BIGINT NOT NULL,
	PRIMARY KEY (team, holder)
);
