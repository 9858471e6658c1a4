-- +goose Up
CREATE TABLE network_networks (
	id TEXT NOT NULL PRIMARY KEY,
	project_id TEXT NOT NULL,
	name TEXT NOT NULL,
	description TEXT NOT NULL,
	version BIGINT NOT NULL,
	created_at TIMESTAMP NOT NULL,
	updated_at TIMESTAMP NOT NULL,
	admin_state_up BOOLEAN NOT NULL,
	shared BOOLEAN NOT NULL,
	external BOOLEAN NOT NULL,
	is_default BOOLEAN NOT NULL,
	port_security BOOLEAN NOT NULL,
	mtu BIGINT NOT NULL,
	network_type TEXT NOT NULL,
	physical_network TEXT NOT NULL,
	segmentation_id BIGINT NOT NULL,
	dns_domain TEXT NOT NULL,
	zone_hints TEXT NOT NULL
);
CREATE INDEX network_networks_project ON network_networks (project_id, id);
CREATE UNIQUE INDEX network_networks_segment ON network_networks (network_type, physical_network, segmentation_id) WHERE network_type <> 'local';

CREATE TABLE network_subnets (
	id TEXT NOT NULL PRIMARY KEY,
	project_id TEXT NOT NULL,
	name TEXT NOT NULL,
	description TEXT NOT NULL,
	version BIGINT NOT NULL,
	created_at TIMESTAMP NOT NULL,
	updated_at TIMESTAMP NOT NULL,
	network_id TEXT NOT NULL,
	ip_version BIGINT NOT NULL,
	cidr TEXT NOT NULL,
	gateway_ip TEXT NOT NULL,
	enable_dhcp BOOLEAN NOT NULL,
	ipv6_ra_mode TEXT NOT NULL,
	ipv6_address_mode TEXT NOT NULL,
	dns_nameservers TEXT NOT NULL,
	host_routes TEXT NOT NULL,
	allocation_pools TEXT NOT NULL,
	service_types TEXT NOT NULL
);
CREATE INDEX network_subnets_project ON network_subnets (project_id, id);
CREATE INDEX network_subnets_network ON network_subnets (network_id, created_at, id);

CREATE TABLE network_ports (
	id TEXT NOT NULL PRIMARY KEY,
	project_id TEXT NOT NULL,
	name TEXT NOT NULL,
	description TEXT NOT NULL,
	version BIGINT NOT NULL,
	created_at TIMESTAMP NOT NULL,
	updated_at TIMESTAMP NOT NULL,
	network_id TEXT NOT NULL,
	mac_address TEXT NOT NULL,
	admin_state_up BOOLEAN NOT NULL,
	status TEXT NOT NULL,
	device_id TEXT NOT NULL,
	device_owner TEXT NOT NULL,
	port_security BOOLEAN NOT NULL,
	pairs TEXT NOT NULL,
	dhcp_opts TEXT NOT NULL,
	dns_name TEXT NOT NULL,
	host_id TEXT NOT NULL,
	vnic_type TEXT NOT NULL,
	profile TEXT NOT NULL,
	vif TEXT NOT NULL
);
CREATE INDEX network_ports_project ON network_ports (project_id, id);
CREATE UNIQUE INDEX network_ports_mac ON network_ports (network_id, mac_address);
CREATE INDEX network_ports_device ON network_ports (device_id);

-- An address of a subnet is given to one port at most. position counts from
-- the subnet's first address, and is NULL where that does not fit.
CREATE TABLE network_allocations (
	subnet_id TEXT NOT NULL,
	ip TEXT NOT NULL,
	port_id TEXT NOT NULL,
	seq BIGINT NOT NULL,
	position BIGINT,
	PRIMARY KEY (subnet_id, ip)
);
CREATE INDEX network_allocations_port ON network_allocations (port_id);
CREATE INDEX network_allocations_position ON network_allocations (subnet_id, position);
CREATE INDEX network_allocations_ip ON network_allocations (ip);

CREATE TABLE network_groups (
	id TEXT NOT NULL PRIMARY KEY,
	project_id TEXT NOT NULL,
	name TEXT NOT NULL,
	description TEXT NOT NULL,
	version BIGINT NOT NULL,
	created_at TIMESTAMP NOT NULL,
	updated_at TIMESTAMP NOT NULL,
	stateful BOOLEAN NOT NULL,
	is_default BOOLEAN NOT NULL
);
CREATE INDEX network_groups_project ON network_groups (project_id, id);
CREATE UNIQUE INDEX network_groups_default ON network_groups (project_id) WHERE is_default;

-- content is what makes two rules of a group the same.
CREATE TABLE network_rules (
	id TEXT NOT NULL PRIMARY KEY,
	project_id TEXT NOT NULL,
	name TEXT NOT NULL,
	description TEXT NOT NULL,
	version BIGINT NOT NULL,
	created_at TIMESTAMP NOT NULL,
	updated_at TIMESTAMP NOT NULL,
	group_id TEXT NOT NULL,
	direction TEXT NOT NULL,
	ethertype TEXT NOT NULL,
	protocol TEXT NOT NULL,
	port_min BIGINT,
	port_max BIGINT,
	remote_ip_prefix TEXT NOT NULL,
	remote_group_id TEXT NOT NULL,
	content TEXT NOT NULL
);
CREATE UNIQUE INDEX network_rules_content ON network_rules (group_id, content);
CREATE INDEX network_rules_project ON network_rules (project_id, id);
CREATE INDEX network_rules_remote ON network_rules (remote_group_id);

CREATE TABLE network_port_groups (
	port_id TEXT NOT NULL,
	group_id TEXT NOT NULL,
	PRIMARY KEY (port_id, group_id)
);
CREATE INDEX network_port_groups_group ON network_port_groups (group_id, port_id);

CREATE TABLE network_routers (
	id TEXT NOT NULL PRIMARY KEY,
	project_id TEXT NOT NULL,
	name TEXT NOT NULL,
	description TEXT NOT NULL,
	version BIGINT NOT NULL,
	created_at TIMESTAMP NOT NULL,
	updated_at TIMESTAMP NOT NULL,
	admin_state_up BOOLEAN NOT NULL,
	gateway_network_id TEXT NOT NULL,
	gateway_port_id TEXT NOT NULL,
	host_id TEXT NOT NULL,
	enable_snat BOOLEAN NOT NULL,
	routes TEXT NOT NULL,
	zone_hints TEXT NOT NULL
);
CREATE INDEX network_routers_project ON network_routers (project_id, id);
CREATE INDEX network_routers_gateway ON network_routers (gateway_network_id);

CREATE TABLE network_floatingips (
	id TEXT NOT NULL PRIMARY KEY,
	project_id TEXT NOT NULL,
	name TEXT NOT NULL,
	description TEXT NOT NULL,
	version BIGINT NOT NULL,
	created_at TIMESTAMP NOT NULL,
	updated_at TIMESTAMP NOT NULL,
	network_id TEXT NOT NULL,
	address TEXT NOT NULL,
	floating_port_id TEXT NOT NULL,
	router_id TEXT NOT NULL,
	port_id TEXT NOT NULL,
	fixed_ip TEXT,
	dns_name TEXT NOT NULL,
	dns_domain TEXT NOT NULL,
	status TEXT NOT NULL
);
CREATE INDEX network_floatingips_project ON network_floatingips (project_id, id);
CREATE INDEX network_floatingips_router ON network_floatingips (router_id);
CREATE INDEX network_floatingips_port ON network_floatingips (port_id);
CREATE INDEX network_floatingips_address ON network_floatingips (address);
CREATE UNIQUE INDEX network_floatingips_fixed ON network_floatingips (network_id, port_id, fixed_ip) WHERE port_id <> '';

CREATE TABLE network_tags (
	resource_id TEXT NOT NULL,
	tag TEXT NOT NULL,
	PRIMARY KEY (resource_id, tag)
);
CREATE INDEX network_tags_tag ON network_tags (tag, resource_id);

-- What hosts must be told: a generation for each object, raised by each change.
CREATE TABLE network_generations (
	id TEXT NOT NULL PRIMARY KEY,
	generation BIGINT NOT NULL
);

-- Where objects are, or are about to be, or were and must go. pending says
-- that an operation has the object in hand there, applied which generation the
-- host took over last. network_id is a port's.
CREATE TABLE network_placements (
	id TEXT NOT NULL,
	host TEXT NOT NULL,
	kind TEXT NOT NULL,
	network_id TEXT NOT NULL,
	pending BOOLEAN NOT NULL,
	applied BIGINT NOT NULL,
	PRIMARY KEY (id, host)
);
CREATE INDEX network_placements_host ON network_placements (host, kind);
CREATE INDEX network_placements_network ON network_placements (network_id, host) WHERE network_id <> '';

-- Which objects hosts need: bound ports, their networks, their groups and those
-- that the rules of these name, routers and their networks.
CREATE VIEW network_needed AS
	SELECT id, host_id AS host FROM network_ports WHERE host_id <> '' AND device_owner NOT LIKE 'network:%'
	UNION ALL SELECT network_id, host FROM network_placements WHERE network_id <> ''
	UNION ALL SELECT m.group_id, p.host_id FROM network_port_groups AS m JOIN network_ports AS p ON p.id = m.port_id WHERE p.host_id <> ''
	UNION ALL SELECT r.remote_group_id, p.host_id FROM network_rules AS r JOIN network_port_groups AS m ON m.group_id = r.group_id
		JOIN network_ports AS p ON p.id = m.port_id WHERE p.host_id <> '' AND r.remote_group_id <> ''
	UNION ALL SELECT id, host_id FROM network_routers WHERE host_id <> ''
	UNION ALL SELECT p.network_id, r.host_id FROM network_ports AS p JOIN network_routers AS r ON r.id = p.device_id WHERE r.host_id <> '';

-- What hosts can have, as long as it is there.
CREATE VIEW network_objects AS
	SELECT id FROM network_networks UNION ALL SELECT id FROM network_ports UNION ALL SELECT id FROM network_groups UNION ALL SELECT id FROM network_routers;
