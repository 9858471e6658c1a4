-- +goose Up
CREATE TABLE shelf_books (
	id TEXT NOT NULL PRIMARY KEY,
	title TEXT NOT NULL,
	author TEXT,
	pages BIGINT NOT NULL,
	rating DOUBLE PRECISION,
	lent BOOLEAN NOT NULL,
	tags TEXT,
	meta TEXT,
	bought_at TIMESTAMP NOT NULL,
	read_at TIMESTAMP,
	version BIGINT NOT NULL
);
