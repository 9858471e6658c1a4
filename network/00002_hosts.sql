-- +goose Up
-- Hosts that came to the cloud while it ran. Those of its configuration are not here.
CREATE TABLE network_hosts (
	name TEXT NOT NULL PRIMARY KEY,
	created_at TIMESTAMP NOT NULL
);
