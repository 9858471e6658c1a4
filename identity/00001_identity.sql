-- +goose Up
CREATE TABLE identity_revision (revision BIGINT NOT NULL);
INSERT INTO identity_revision (revision) VALUES (1);

-- When the keys of tokens were rotated last; null until that is first asked.
CREATE TABLE identity_keys (rotated_at TIMESTAMP);
INSERT INTO identity_keys (rotated_at) VALUES (NULL);

CREATE TABLE identity_domains (
	id TEXT NOT NULL PRIMARY KEY,
	version BIGINT NOT NULL,
	options TEXT NOT NULL,
	extra TEXT NOT NULL,
	name TEXT NOT NULL UNIQUE,
	description TEXT NOT NULL,
	enabled BOOLEAN NOT NULL,
	tokens_since TIMESTAMP NOT NULL
);

CREATE TABLE identity_projects (
	id TEXT NOT NULL PRIMARY KEY,
	version BIGINT NOT NULL,
	options TEXT NOT NULL,
	extra TEXT NOT NULL,
	name TEXT NOT NULL,
	domain_id TEXT NOT NULL,
	parent_id TEXT NOT NULL,
	description TEXT NOT NULL,
	enabled BOOLEAN NOT NULL,
	tags TEXT NOT NULL,
	tokens_since TIMESTAMP NOT NULL,
	UNIQUE (domain_id, name)
);
CREATE INDEX identity_projects_parent ON identity_projects (parent_id);

CREATE TABLE identity_users (
	id TEXT NOT NULL PRIMARY KEY,
	version BIGINT NOT NULL,
	options TEXT NOT NULL,
	name TEXT NOT NULL,
	domain_id TEXT NOT NULL,
	default_project_id TEXT NOT NULL,
	enabled BOOLEAN NOT NULL,
	extra TEXT NOT NULL,
	tokens_since TIMESTAMP NOT NULL,
	UNIQUE (domain_id, name)
);

CREATE TABLE identity_passwords (
	user_id TEXT NOT NULL PRIMARY KEY,
	hash TEXT NOT NULL
);

CREATE TABLE identity_roles (
	id TEXT NOT NULL PRIMARY KEY,
	version BIGINT NOT NULL,
	options TEXT NOT NULL,
	extra TEXT NOT NULL,
	name TEXT NOT NULL UNIQUE,
	description TEXT NOT NULL
);

CREATE TABLE identity_implied_roles (
	prior_id TEXT NOT NULL,
	implied_id TEXT NOT NULL,
	PRIMARY KEY (prior_id, implied_id)
);

CREATE TABLE identity_assignments (
	user_id TEXT NOT NULL,
	role_id TEXT NOT NULL,
	target_type TEXT NOT NULL,
	target_id TEXT NOT NULL,
	inherited BOOLEAN NOT NULL,
	PRIMARY KEY (user_id, role_id, target_type, target_id, inherited)
);
CREATE INDEX identity_assignments_target ON identity_assignments (target_type, target_id);
CREATE INDEX identity_assignments_role ON identity_assignments (role_id);

CREATE TABLE identity_regions (
	id TEXT NOT NULL PRIMARY KEY,
	version BIGINT NOT NULL,
	extra TEXT NOT NULL,
	description TEXT NOT NULL,
	parent_region_id TEXT NOT NULL
);

CREATE TABLE identity_services (
	id TEXT NOT NULL PRIMARY KEY,
	version BIGINT NOT NULL,
	extra TEXT NOT NULL,
	type TEXT NOT NULL,
	name TEXT NOT NULL,
	description TEXT NOT NULL,
	enabled BOOLEAN NOT NULL
);

CREATE TABLE identity_endpoints (
	id TEXT NOT NULL PRIMARY KEY,
	version BIGINT NOT NULL,
	extra TEXT NOT NULL,
	service_id TEXT NOT NULL,
	region_id TEXT NOT NULL,
	interface TEXT NOT NULL,
	url TEXT NOT NULL,
	enabled BOOLEAN NOT NULL
);
CREATE INDEX identity_endpoints_service ON identity_endpoints (service_id);

CREATE TABLE identity_revocations (
	audit_id TEXT NOT NULL PRIMARY KEY,
	expires_at TIMESTAMP NOT NULL
);
CREATE INDEX identity_revocations_expires ON identity_revocations (expires_at);
