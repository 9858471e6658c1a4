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

-- A server while it exists; compute_deleted_servers is the record of those
-- that were, with the same columns.
CREATE TABLE compute_servers (
	id TEXT NOT NULL PRIMARY KEY,
	version BIGINT NOT NULL,
	number BIGINT NOT NULL UNIQUE,
	project_id TEXT NOT NULL,
	user_id TEXT NOT NULL,
	name TEXT NOT NULL,
	description TEXT,
	hostname TEXT NOT NULL,
	reservation_id TEXT NOT NULL,
	launch_index BIGINT NOT NULL,
	vm_state TEXT NOT NULL,
	task_state TEXT NOT NULL,
	power_state BIGINT NOT NULL,
	progress BIGINT NOT NULL,
	locked BOOLEAN NOT NULL,
	locked_by TEXT NOT NULL,
	locked_reason TEXT,
	flavor_id TEXT NOT NULL,
	flavor_name TEXT NOT NULL,
	flavor_vcpus BIGINT NOT NULL,
	flavor_memory_mib BIGINT NOT NULL,
	flavor_disk_gib BIGINT NOT NULL,
	flavor_ephemeral_gib BIGINT NOT NULL,
	flavor_swap_mib BIGINT NOT NULL,
	flavor_rxtx_factor DOUBLE PRECISION NOT NULL,
	flavor_extra_specs TEXT NOT NULL,
	image_id TEXT NOT NULL,
	image TEXT NOT NULL,
	image_properties TEXT NOT NULL,
	key_name TEXT NOT NULL,
	key_type TEXT NOT NULL,
	public_key TEXT NOT NULL,
	metadata TEXT NOT NULL,
	config_drive BOOLEAN NOT NULL,
	disk_config TEXT NOT NULL,
	requested_zone TEXT NOT NULL,
	requested_host TEXT NOT NULL,
	zone TEXT NOT NULL,
	host TEXT NOT NULL,
	claimed_vcpus BIGINT NOT NULL,
	claimed_memory_mib BIGINT NOT NULL,
	claimed_disk_gib BIGINT NOT NULL,
	access_ipv4 TEXT NOT NULL,
	access_ipv6 TEXT NOT NULL,
	root_device TEXT NOT NULL,
	interfaces TEXT NOT NULL,
	fault TEXT,
	created_at TIMESTAMP NOT NULL,
	updated_at TIMESTAMP NOT NULL,
	launched_at TIMESTAMP,
	terminated_at TIMESTAMP
);
CREATE INDEX compute_servers_project ON compute_servers (project_id, created_at, id);
CREATE INDEX compute_servers_created ON compute_servers (created_at, id);
CREATE INDEX compute_servers_updated ON compute_servers (updated_at);
CREATE INDEX compute_servers_host ON compute_servers (host);
CREATE INDEX compute_servers_task ON compute_servers (task_state) WHERE task_state <> '';

CREATE TABLE compute_deleted_servers (
	id TEXT NOT NULL PRIMARY KEY,
	version BIGINT NOT NULL,
	number BIGINT NOT NULL,
	project_id TEXT NOT NULL,
	user_id TEXT NOT NULL,
	name TEXT NOT NULL,
	description TEXT,
	hostname TEXT NOT NULL,
	reservation_id TEXT NOT NULL,
	launch_index BIGINT NOT NULL,
	vm_state TEXT NOT NULL,
	task_state TEXT NOT NULL,
	power_state BIGINT NOT NULL,
	progress BIGINT NOT NULL,
	locked BOOLEAN NOT NULL,
	locked_by TEXT NOT NULL,
	locked_reason TEXT,
	flavor_id TEXT NOT NULL,
	flavor_name TEXT NOT NULL,
	flavor_vcpus BIGINT NOT NULL,
	flavor_memory_mib BIGINT NOT NULL,
	flavor_disk_gib BIGINT NOT NULL,
	flavor_ephemeral_gib BIGINT NOT NULL,
	flavor_swap_mib BIGINT NOT NULL,
	flavor_rxtx_factor DOUBLE PRECISION NOT NULL,
	flavor_extra_specs TEXT NOT NULL,
	image_id TEXT NOT NULL,
	image TEXT NOT NULL,
	image_properties TEXT NOT NULL,
	key_name TEXT NOT NULL,
	key_type TEXT NOT NULL,
	public_key TEXT NOT NULL,
	metadata TEXT NOT NULL,
	config_drive BOOLEAN NOT NULL,
	disk_config TEXT NOT NULL,
	requested_zone TEXT NOT NULL,
	requested_host TEXT NOT NULL,
	zone TEXT NOT NULL,
	host TEXT NOT NULL,
	claimed_vcpus BIGINT NOT NULL,
	claimed_memory_mib BIGINT NOT NULL,
	claimed_disk_gib BIGINT NOT NULL,
	access_ipv4 TEXT NOT NULL,
	access_ipv6 TEXT NOT NULL,
	root_device TEXT NOT NULL,
	interfaces TEXT NOT NULL,
	fault TEXT,
	created_at TIMESTAMP NOT NULL,
	updated_at TIMESTAMP NOT NULL,
	launched_at TIMESTAMP,
	terminated_at TIMESTAMP
);
CREATE INDEX compute_deleted_servers_project ON compute_deleted_servers (project_id, created_at, id);
CREATE INDEX compute_deleted_servers_updated ON compute_deleted_servers (updated_at);
CREATE INDEX compute_deleted_servers_terminated ON compute_deleted_servers (terminated_at);

-- The servers that are and that were.
CREATE VIEW compute_known_servers AS SELECT * FROM compute_servers UNION ALL SELECT * FROM compute_deleted_servers;

CREATE TABLE compute_server_tags (
	server_id TEXT NOT NULL,
	tag TEXT NOT NULL,
	PRIMARY KEY (server_id, tag)
);

-- What guests are given: user data and files.
CREATE TABLE compute_guest_data (
	server_id TEXT NOT NULL PRIMARY KEY,
	sealed BYTEA NOT NULL
);

-- The highest number that a server was given.
CREATE TABLE compute_numbers (name TEXT NOT NULL PRIMARY KEY, last BIGINT NOT NULL);

CREATE TABLE compute_hosts (
	id TEXT NOT NULL PRIMARY KEY,
	version BIGINT NOT NULL,
	number BIGINT NOT NULL UNIQUE,
	name TEXT NOT NULL UNIQUE,
	zone TEXT NOT NULL,
	disabled BOOLEAN NOT NULL,
	disabled_reason TEXT,
	forced_down BOOLEAN NOT NULL,
	answers BOOLEAN NOT NULL,
	info TEXT NOT NULL,
	used_vcpus BIGINT NOT NULL,
	used_memory_mib BIGINT NOT NULL,
	used_disk_gib BIGINT NOT NULL,
	servers BIGINT NOT NULL,
	created_at TIMESTAMP NOT NULL,
	updated_at TIMESTAMP NOT NULL,
	seen_at TIMESTAMP
);
