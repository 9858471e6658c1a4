package compute

import (
	"context"

	"github.com/cumulite/cumulite/platform/doctor"
	"github.com/cumulite/cumulite/platform/store"
)

// Invariants say what always holds of servers, in the order in which it is
// mended: what counts for something before what it is counted in.
func (s *Service) Invariants() []doctor.Invariant {
	return []doctor.Invariant{
		{Name: "compute.owners", Promise: "Tags, guest data, group memberships, access rights and records are of what is, or was.", Check: doctor.All(s.orphans()...)},
		{Name: "compute.tasks", Promise: "What is being done to a server is done by an operation.", Check: s.checkTasks},
		{Name: "compute.guests", Promise: "Hosts have the guests of their servers, and no others.", Check: s.checkGuests},
		{Name: "compute.ports", Promise: "Servers have their ports on their hosts, and no port is there for a server that is not.", Check: s.checkPorts},
		{Name: "compute.claims", Promise: "What hosts have given away is what their servers claim.", Check: doctor.All(s.claimsOnHosts(), s.claimsOnNone(), s.claimsOnUnknown())},
		s.quotas.Recount(s.DB, usedTruth),
	}
}

// usedTruth gives what projects use of what is limited.
const usedTruth = `SELECT project_id, 'instances' AS resource, COUNT(*) AS used FROM compute_servers GROUP BY project_id
	UNION ALL SELECT project_id, 'cores', CAST(SUM(flavor_vcpus) AS BIGINT) FROM compute_servers GROUP BY project_id
	UNION ALL SELECT project_id, 'ram', CAST(SUM(flavor_memory_mib) AS BIGINT) FROM compute_servers GROUP BY project_id
	UNION ALL SELECT project_id, 'server_groups', COUNT(*) FROM compute_server_groups GROUP BY project_id`

// orphans are the rows that belong to others.
func (s *Service) orphans() []doctor.Rows {
	return []doctor.Rows{
		doctor.Orphans(s.DB, "compute_server_tags", "server_id", "compute_servers"),
		doctor.Orphans(s.DB, "compute_guest_data", "server_id", "compute_servers"),
		doctor.Orphans(s.DB, "compute_server_group_members", "server_id", "compute_servers"),
		doctor.Orphans(s.DB, "compute_server_group_members", "group_id", "compute_server_groups"),
		doctor.Orphans(s.DB, "compute_flavor_access", "flavor_id", "compute_flavors"),
		doctor.Orphans(s.DB, "compute_actions", "server_id", "compute_known_servers"),
		doctor.Orphans(s.DB, "compute_action_events", "action_id", "compute_actions"),
	}
}

// claimsOnHosts compares what hosts have given away with the claims on them.
func (s *Service) claimsOnHosts() doctor.Rows {
	return doctor.Rows{DB: s.DB, Noun: "claims on host", Mend: s.recount, Find: `
		SELECT h.name AS id, 'they are too high by ' || (h.used_vcpus - COALESCE(c.vcpus, 0)) || ' vCPUs, ' || (h.used_memory_mib - COALESCE(c.memory, 0)) || ' MiB, ' ||
			(h.used_disk_gib - COALESCE(c.disk, 0)) || ' GiB of disk, ' || (h.servers - COALESCE(c.servers, 0)) || ' servers' AS says
		FROM compute_hosts AS h LEFT JOIN (SELECT host, CAST(SUM(claimed_vcpus) AS BIGINT) AS vcpus, CAST(SUM(claimed_memory_mib) AS BIGINT) AS memory,
			CAST(SUM(claimed_disk_gib) AS BIGINT) AS disk, COUNT(*) AS servers FROM compute_servers WHERE host <> '' GROUP BY host) AS c ON c.host = h.name
		WHERE h.used_vcpus <> COALESCE(c.vcpus, 0) OR h.used_memory_mib <> COALESCE(c.memory, 0) OR h.used_disk_gib <> COALESCE(c.disk, 0) OR h.servers <> COALESCE(c.servers, 0)`}
}

// recount makes what a host has given away what its servers claim.
func (s *Service) recount(ctx context.Context, tx *store.Tx, host string) error {
	if _, err := tx.Exec(ctx, "UPDATE compute_hosts SET servers = servers WHERE name = ?", host); err != nil { // it is locked before the servers are read
		return err
	}
	tx.AfterCommit(s.places.forget)
	_, err := tx.Exec(ctx, `UPDATE compute_hosts SET
		used_vcpus = (SELECT COALESCE(SUM(claimed_vcpus), 0) FROM compute_servers WHERE host = compute_hosts.name),
		used_memory_mib = (SELECT COALESCE(SUM(claimed_memory_mib), 0) FROM compute_servers WHERE host = compute_hosts.name),
		used_disk_gib = (SELECT COALESCE(SUM(claimed_disk_gib), 0) FROM compute_servers WHERE host = compute_hosts.name),
		servers = (SELECT COUNT(*) FROM compute_servers WHERE host = compute_hosts.name) WHERE name = ?`, host)
	return err
}

// claimsOnNone finds servers that claim room and have no host.
func (s *Service) claimsOnNone() doctor.Rows {
	return doctor.Rows{DB: s.DB, Noun: "server", Find: `SELECT id, 'it claims room and has no host' AS says FROM compute_servers
		WHERE host = '' AND (claimed_vcpus <> 0 OR claimed_memory_mib <> 0 OR claimed_disk_gib <> 0)`,
		Mend: func(ctx context.Context, tx *store.Tx, id string) error {
			_, err := tx.Exec(ctx, "UPDATE compute_servers SET claimed_vcpus = 0, claimed_memory_mib = 0, claimed_disk_gib = 0, version = version + 1 WHERE id = ?", id)
			return err
		}}
}

// claimsOnUnknown finds hosts that servers name and nobody knows.
func (s *Service) claimsOnUnknown() doctor.Rows {
	return doctor.Rows{DB: s.DB, Noun: "host", Find: `SELECT DISTINCT host AS id, 'it has servers and is not known: bring it back under its name, or delete them' AS says
		FROM compute_servers WHERE host <> '' AND NOT EXISTS (SELECT 1 FROM compute_hosts AS h WHERE h.name = compute_servers.host)`}
}
