-- +goose Up
CREATE TABLE compute_flavors (
	id TEXT NOT NULL PRIMARY KEY,
	version BIGINT NOT NULL,
	name TEXT NOT NULL UNIQUE,
	description TEXT,
	vcpus BIGINT NOT NULL,
	memory_mib BIGINT NOT NULL,
	disk_gib BIGINT NOT NULL,
	ephemeral_gib BIGINT NOT NULL,
	swap_mib BIGINT NOT NULL,
	rxtx_factor DOUBLE PRECISION NOT NULL,
	public BOOLEAN NOT NULL,
	disabled BOOLEAN NOT NULL,
	extra_specs TEXT NOT NULL,
	created_at TIMESTAMP NOT NULL,
	updated_at TIMESTAMP NOT NULL
);

CREATE TABLE compute_flavor_access (
	flavor_id TEXT NOT NULL,
	project_id TEXT NOT NULL,
	PRIMARY KEY (flavor_id, project_id)
);
CREATE INDEX compute_flavor_access_project ON compute_flavor_access (project_id);

CREATE TABLE compute_keypairs (
	user_id TEXT NOT NULL,
	name TEXT NOT NULL,
	number BIGINT NOT NULL,
	type TEXT NOT NULL,
	public_key TEXT NOT NULL,
	fingerprint TEXT NOT NULL,
	created_at TIMESTAMP NOT NULL,
	PRIMARY KEY (user_id, name)
);
CREATE INDEX compute_keypairs_number ON compute_keypairs (number);
