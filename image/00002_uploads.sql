-- +goose Up
-- Who is saving an image, '' when nobody is, and until when that is believed
-- without a sign of life.
ALTER TABLE image_images ADD COLUMN upload TEXT NOT NULL DEFAULT '';
ALTER TABLE image_images ADD COLUMN upload_until TIMESTAMP;
