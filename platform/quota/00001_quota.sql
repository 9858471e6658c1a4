-- +goose Up
CREATE TABLE quota_usage (
	project_id TEXT NOT NULL,
	service TEXT NOT NULL,
	resource TEXT NOT NULL,
	used BIGINT NOT NULL,
	PRIMARY KEY (project_id, service, resource)
);
CREATE TABLE quota_limits (
	project_id TEXT NOT NULL,
	service TEXT NOT NULL,
	resource TEXT NOT NULL,
	most BIGINT NOT NULL,
	PRIMARY KEY (project_id, service, resource)
);
