-- +goose Up
CREATE TABLE identity_revision (
	id BIGINT NOT NULL PRIMARY KEY,
	value BIGINT NOT NULL
);
INSERT INTO identity_revision (id, value) VALUES (1, 1);

CREATE TABLE identity_domains (
	id TEXT NOT NULL PRIMARY KEY,
	name TEXT NOT NULL UNIQUE,
	description TEXT NOT NULL,
	enabled BOOLEAN NOT NULL,
	options TEXT NOT NULL,
	extra TEXT NOT NULL
);

CREATE TABLE identity_projects (
	id TEXT NOT NULL PRIMARY KEY,
	domain_id TEXT NOT NULL,
	parent_id TEXT NOT NULL,
	name TEXT NOT NULL,
	description TEXT NOT NULL,
	enabled BOOLEAN NOT NULL,
	options TEXT NOT NULL,
	extra TEXT NOT NULL,
	UNIQUE (domain_id, name)
);
CREATE INDEX identity_projects_name ON identity_projects (name);
CREATE INDEX identity_projects_parent ON identity_projects (parent_id);

CREATE TABLE identity_project_tags (
	project_id TEXT NOT NULL,
	tag TEXT NOT NULL,
	PRIMARY KEY (project_id, tag)
);
CREATE INDEX identity_project_tags_tag ON identity_project_tags (tag, project_id);

CREATE TABLE identity_users (
	id TEXT NOT NULL PRIMARY KEY,
	domain_id TEXT NOT NULL,
	name TEXT NOT NULL,
	enabled BOOLEAN NOT NULL,
	default_project_id TEXT NOT NULL,
	options TEXT NOT NULL,
	extra TEXT NOT NULL,
	UNIQUE (domain_id, name)
);
CREATE INDEX identity_users_name ON identity_users (name);
CREATE INDEX identity_users_default_project ON identity_users (default_project_id);

CREATE TABLE identity_passwords (
	user_id TEXT NOT NULL PRIMARY KEY,
	hash TEXT NOT NULL,
	created_at TIMESTAMP NOT NULL
);

CREATE TABLE identity_roles (
	id TEXT NOT NULL PRIMARY KEY,
	domain_id TEXT NOT NULL,
	name TEXT NOT NULL,
	description TEXT,
	options TEXT NOT NULL,
	extra TEXT NOT NULL,
	UNIQUE (domain_id, name)
);

CREATE TABLE identity_implied_roles (
	prior_id TEXT NOT NULL,
	implied_id TEXT NOT NULL,
	PRIMARY KEY (prior_id, implied_id)
);

CREATE TABLE identity_assignments (
	user_id TEXT NOT NULL,
	kind TEXT NOT NULL,
	target_id TEXT NOT NULL,
	role_id TEXT NOT NULL,
	PRIMARY KEY (user_id, kind, target_id, role_id)
);
CREATE INDEX identity_assignments_target ON identity_assignments (kind, target_id);
CREATE INDEX identity_assignments_role ON identity_assignments (role_id);

CREATE TABLE identity_revocations (
	subject TEXT NOT NULL PRIMARY KEY,
	revoked_at TIMESTAMP NOT NULL
);
CREATE INDEX identity_revocations_revoked ON identity_revocations (revoked_at);

CREATE TABLE identity_regions (
	id TEXT NOT NULL PRIMARY KEY,
	parent_id TEXT NOT NULL,
	description TEXT NOT NULL,
	extra TEXT NOT NULL
);
CREATE INDEX identity_regions_parent ON identity_regions (parent_id);

CREATE TABLE identity_services (
	id TEXT NOT NULL PRIMARY KEY,
	type TEXT NOT NULL,
	name TEXT NOT NULL,
	description TEXT NOT NULL,
	enabled BOOLEAN NOT NULL,
	extra TEXT NOT NULL
);

CREATE TABLE identity_endpoints (
	id TEXT NOT NULL PRIMARY KEY,
	service_id TEXT NOT NULL,
	region_id TEXT NOT NULL,
	interface TEXT NOT NULL,
	url TEXT NOT NULL,
	enabled BOOLEAN NOT NULL,
	extra TEXT NOT NULL
);
CREATE INDEX identity_endpoints_service ON identity_endpoints (service_id);
CREATE INDEX identity_endpoints_region ON identity_endpoints (region_id);
