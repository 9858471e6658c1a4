-- +goose Up
-- By what the keys are known that this database was made with.
CREATE TABLE cloud_keys (
	name TEXT NOT NULL PRIMARY KEY,
	fingerprint TEXT NOT NULL
);
