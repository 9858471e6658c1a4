-- +goose Up
-- How often an operation was claimed since its last record: more than once tells
-- that a worker ended without saying what it did.
ALTER TABLE flow_operations ADD COLUMN claims BIGINT NOT NULL DEFAULT 0;
