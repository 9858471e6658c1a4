-- +goose Up
CREATE TABLE image_images (
	id TEXT NOT NULL PRIMARY KEY,
	version BIGINT NOT NULL,
	name TEXT,
	owner TEXT NOT NULL,
	status TEXT NOT NULL,
	visibility TEXT NOT NULL,
	protected BOOLEAN NOT NULL,
	hidden BOOLEAN NOT NULL,
	disk_format TEXT NOT NULL,
	container_format TEXT NOT NULL,
	min_disk BIGINT NOT NULL,
	min_ram BIGINT NOT NULL,
	size BIGINT,
	virtual_size BIGINT,
	checksum TEXT NOT NULL,
	hash_value TEXT NOT NULL,
	content_format TEXT NOT NULL,
	properties TEXT NOT NULL,
	created_at TIMESTAMP NOT NULL,
	updated_at TIMESTAMP NOT NULL
);
CREATE INDEX image_images_owner ON image_images (owner, created_at);
CREATE INDEX image_images_created ON image_images (created_at, id);

CREATE TABLE image_tags (
	image_id TEXT NOT NULL,
	tag TEXT NOT NULL,
	PRIMARY KEY (image_id, tag)
);
CREATE INDEX image_tags_tag ON image_tags (tag, image_id);

-- Ids of images that are no more: none is given again.
CREATE TABLE image_retired (id TEXT NOT NULL PRIMARY KEY);
