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

-- The number of the last event: one row, whose lock makes the order of the
-- numbers that of the commits. Numbers are never used again after pruning.
CREATE TABLE event_last (
	seq BIGINT NOT NULL
);
INSERT INTO event_last (seq) VALUES (0);

CREATE TABLE event_cursors (
	name TEXT NOT NULL PRIMARY KEY,
	seq BIGINT NOT NULL,
	seen_at TIMESTAMP NOT NULL
);
