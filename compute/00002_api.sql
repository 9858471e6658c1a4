-- +goose Up
CREATE TABLE compute_server_groups (
	id TEXT NOT NULL PRIMARY KEY,
	version BIGINT NOT NULL,
	project_id TEXT NOT NULL,
	user_id TEXT NOT NULL,
	name TEXT NOT NULL,
	policy TEXT NOT NULL,
	max_per_host BIGINT NOT NULL,
	created_at TIMESTAMP NOT NULL
);
CREATE INDEX compute_server_groups_project ON compute_server_groups (project_id, created_at, id);

-- A server joins one group at most, when it is made.
CREATE TABLE compute_server_group_members (
	server_id TEXT NOT NULL PRIMARY KEY,
	group_id TEXT NOT NULL
);
CREATE INDEX compute_server_group_members_group ON compute_server_group_members (group_id, server_id);

-- What was asked of servers. The ids rise with time.
CREATE TABLE compute_actions (
	id TEXT NOT NULL PRIMARY KEY,
	server_id TEXT NOT NULL,
	project_id TEXT NOT NULL,
	user_id TEXT NOT NULL,
	request_id TEXT NOT NULL,
	name TEXT NOT NULL,
	failed BOOLEAN NOT NULL,
	started_at TIMESTAMP NOT NULL,
	updated_at TIMESTAMP NOT NULL
);
CREATE INDEX compute_actions_server ON compute_actions (server_id, id);
CREATE INDEX compute_actions_updated ON compute_actions (updated_at);

-- What was done for an action.
CREATE TABLE compute_action_events (
	action_id TEXT NOT NULL,
	name TEXT NOT NULL,
	host TEXT NOT NULL,
	failed BOOLEAN NOT NULL,
	details TEXT,
	started_at TIMESTAMP NOT NULL,
	finished_at TIMESTAMP NOT NULL,
	PRIMARY KEY (action_id, name)
);
