-- +goose Up
-- Where the tunnels of hosts end, as they said last. address is '' for a host without.
CREATE TABLE network_tunnels (
	host TEXT NOT NULL PRIMARY KEY,
	address TEXT NOT NULL,
	mtu BIGINT NOT NULL
);

-- Segments of networks that are deleted while hosts still have something of
-- them: until these let go, no other network may have the segment.
CREATE TABLE network_retired (
	network_id TEXT NOT NULL PRIMARY KEY,
	network_type TEXT NOT NULL,
	segmentation_id BIGINT NOT NULL
);
CREATE INDEX network_retired_segment ON network_retired (network_type, segmentation_id);
