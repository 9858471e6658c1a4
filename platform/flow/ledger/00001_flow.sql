-- +goose Up
-- Times are microseconds since 1970.
CREATE TABLE flow_operations (
	id TEXT NOT NULL PRIMARY KEY,
	kind TEXT NOT NULL,
	key TEXT NOT NULL,
	seq BIGINT NOT NULL,          -- order among the operations of the key
	args TEXT NOT NULL,
	caller TEXT NOT NULL,         -- the Grant
	request_id TEXT NOT NULL,
	forward BOOLEAN NOT NULL,
	step BIGINT NOT NULL,         -- the one to do next or, undoing, to undo next
	undoing BOOLEAN NOT NULL,
	cancelled BOOLEAN NOT NULL,
	attempt BIGINT NOT NULL,      -- failed attempts at this step
	failure TEXT NOT NULL,        -- the last one
	cause TEXT NOT NULL,          -- why it is undone
	owner TEXT NOT NULL,          -- the engine that runs it, or ''
	fence BIGINT NOT NULL,        -- raised by each claim and each record
	due_at BIGINT NOT NULL,       -- when it may be claimed; the end of the lease while it has an owner
	deadline BIGINT NOT NULL,
	created_at BIGINT NOT NULL,
	UNIQUE (key, seq)
);
CREATE INDEX flow_operations_due ON flow_operations (due_at);
