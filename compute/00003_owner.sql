-- +goose Up
-- The operation that does what task_state says; '' when there is none, or it
-- was begun by an earlier release.
ALTER TABLE compute_servers ADD COLUMN operation TEXT NOT NULL DEFAULT '';
ALTER TABLE compute_deleted_servers ADD COLUMN operation TEXT NOT NULL DEFAULT '';
DROP VIEW compute_known_servers;
CREATE VIEW compute_known_servers AS SELECT * FROM compute_servers UNION ALL SELECT * FROM compute_deleted_servers;

-- An attempt that failed says which it was, and when the next one is.
ALTER TABLE compute_action_events ADD COLUMN attempt BIGINT NOT NULL DEFAULT 1;
ALTER TABLE compute_action_events ADD COLUMN next_at TIMESTAMP;
CREATE INDEX compute_actions_started ON compute_actions (started_at);
