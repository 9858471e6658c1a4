-- +goose Up
CREATE TABLE fleet_hosts (
	name TEXT NOT NULL PRIMARY KEY,
	nkey TEXT NOT NULL UNIQUE, -- public
	joined_at TIMESTAMP NOT NULL,
	revoked_at TIMESTAMP
);

-- Tokens that were used, by their hash, until they would have expired.
CREATE TABLE fleet_used_tokens (
	hash TEXT NOT NULL PRIMARY KEY,
	expires_at TIMESTAMP NOT NULL
);
