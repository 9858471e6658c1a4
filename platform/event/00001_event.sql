-- +goose Up
CREATE TABLE event_events (
	seq BIGINT NOT NULL PRIMARY KEY,
	id TEXT NOT NULL,
	type TEXT NOT NULL,
	service TEXT NOT NULL,
	resource TEXT NOT NULL,
	project_id TEXT NOT NULL,
	user_id TEXT NOT NULL,
	request_id TEXT NOT NULL,
	payload TEXT NOT NULL,
	at TIMESTAMP NOT NULL
);
CREATE INDEX event_events_at ON event_events (at);
CREATE TABLE event_cursors (
	name TEXT NOT NULL PRIMARY KEY,
	seq BIGINT NOT NULL
);
