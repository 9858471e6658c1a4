package compute

import (
	"context"
	"hash/fnv"
	"sync"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/compute/schedule"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// placement is the snapshot of the hosts that the scheduler decides by. What
// it lacks of other processes' claims is found out when a claim is made: that
// judges again, by the rows.
type placement struct {
	mu    sync.Mutex
	hosts []schedule.Host
	fresh bool // read since it was last in doubt
}

// forget has the snapshot read anew before the next decision.
func (p *placement) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fresh = false
}

// choose decides by the snapshot and notes the decision there.
func (p *placement) choose(r schedule.Request) (host string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	d, err := schedule.Choose(p.hosts, r)
	if err != nil {
		return "", err
	}
	h := &p.hosts[d.Candidates[0]]
	h.Take(r.Need)
	return h.Name, nil
}

// find tells whether there is a host for a request.
func (p *placement) find(r schedule.Request) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := schedule.Choose(p.hosts, r)
	return err == nil
}

// give notes in the snapshot that there is room again.
func (p *placement) give(host string, need schedule.Amounts) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.hosts {
		if p.hosts[i].Name == host {
			p.hosts[i].Take(minus(need))
		}
	}
}

// readPlacement fills the snapshot, unless it is fresh and need not be.
func (s *Service) readPlacement(ctx context.Context, anew bool) error {
	s.places.mu.Lock()
	defer s.places.mu.Unlock()
	if s.places.fresh && !anew {
		return nil
	}
	rows, err := allHosts(ctx, s.DB.Read())
	if err != nil {
		return err
	}
	s.places.hosts = make([]schedule.Host, len(rows))
	for i := range rows {
		s.places.hosts[i] = s.scheduled(&rows[i])
	}
	s.places.fresh = true
	return nil
}

// scheduled is a host as the scheduler sees it.
func (s *Service) scheduled(h *Host) schedule.Host {
	abilities := make([]string, len(h.Info.Abilities))
	for i, a := range h.Info.Abilities {
		abilities[i] = string(a)
	}
	return schedule.Host{
		Name: h.Name, Zone: h.Zone, Arch: h.Info.Arch, Formats: h.Info.Formats, Abilities: abilities, Enabled: !h.Disabled, Up: h.Up(),
		Total: schedule.Amounts{VCPUs: h.Info.VCPUs, MemoryMiB: h.Info.MemoryMiB, DiskGiB: h.Info.DiskGiB}, Reserved: s.opts.Reserved, Used: h.Used, Ratios: s.opts.Ratios,
	}
}

// choose gives the host for a server, none of those that were tried. The scheduler is asked by the snapshot
// first, and by the rows before it is said that there is no host.
func (s *Service) choose(ctx context.Context, srv *Server, force bool, tried []string) (string, error) {
	r, err := s.wanted(ctx, s.DB.Read(), srv, force)
	if err != nil {
		return "", err
	}
	r.Exclude = tried
	if err := s.readPlacement(ctx, false); err != nil {
		return "", err
	}
	host, err := s.places.choose(r)
	if !errs.Is(err, errs.Exhausted) {
		return host, err
	}
	if err := s.readPlacement(ctx, true); err != nil {
		return "", err
	}
	return s.places.choose(r)
}

// wanted is what a server asks of its host.
func (s *Service) wanted(ctx context.Context, db bun.IDB, srv *Server, force bool) (schedule.Request, error) {
	seed := fnv.New64a()
	_, _ = seed.Write([]byte(srv.ID))
	group, err := s.groupOf(ctx, db, srv.ID)
	return schedule.Request{
		Need: srv.needs(), Zone: srv.RequestedZone, Arch: srv.ImageProperties["hw_architecture"], Format: srv.Image.Format,
		Host: srv.RequestedHost, Force: force, Group: group, Seed: seed.Sum64(),
	}, err
}

// needs is what a server takes of its host.
func (s *Server) needs() schedule.Amounts {
	const gib = 1 << 30
	root := s.Flavor.DiskGiB
	if root == 0 && s.Image.Format != "iso" {
		root = int((s.Image.VirtualSize + gib - 1) / gib)
	}
	return schedule.Amounts{VCPUs: s.Flavor.VCPUs, MemoryMiB: s.Flavor.MemoryMiB, DiskGiB: root + s.Flavor.EphemeralGiB + (s.Flavor.SwapMiB+1023)/1024}
}

// claim gives a server its room on a host. The scheduler judges once more, by
// the rows that this transaction has locked; when it finds that somebody else
// was faster, the error is errs.Unavailable and the choice is made again.
func (s *Service) claim(ctx context.Context, tx *store.Tx, srv *Server, host string, force bool) error {
	need := srv.needs()
	if err := lockGroupOf(ctx, tx, srv.ID); err != nil {
		return err
	}
	if err := count(ctx, tx, host, need, 1); err != nil {
		return err
	}
	h, err := hostNamed(ctx, tx, host)
	if err != nil {
		return err
	}
	h.Used.VCPUs, h.Used.MemoryMiB, h.Used.DiskGiB = h.Used.VCPUs-need.VCPUs, h.Used.MemoryMiB-need.MemoryMiB, h.Used.DiskGiB-need.DiskGiB
	r, err := s.wanted(ctx, tx, srv, force)
	if err != nil {
		return err
	}
	if _, err := schedule.Choose([]schedule.Host{s.scheduled(h)}, r); err != nil {
		s.places.forget()
		return errs.New(errs.Unavailable, "Host %s was taken meanwhile.", host).Because(err)
	}
	srv.Host, srv.Zone, srv.Claimed = h.Name, h.Zone, need
	return nil
}

// claimColumns are those that claims change.
var claimColumns = []string{"host", "zone", "claimed_vcpus", "claimed_memory_mib", "claimed_disk_gib"}

// reclaim makes the claim of a server what it needs now, on the same host.
func (s *Service) reclaim(ctx context.Context, tx *store.Tx, srv *Server) error {
	before, need := srv.Claimed, srv.needs()
	if need == before {
		return nil
	}
	srv.Claimed = need
	more := schedule.Amounts{VCPUs: need.VCPUs - before.VCPUs, MemoryMiB: need.MemoryMiB - before.MemoryMiB, DiskGiB: need.DiskGiB - before.DiskGiB}
	if err := count(ctx, tx, srv.Host, more, 0); err != nil {
		return err
	}
	row, err := hostNamed(ctx, tx, srv.Host)
	if err != nil {
		return err
	}
	host := s.scheduled(row)
	if free := host.Free(); more.DiskGiB > 0 && free.DiskGiB < 0 {
		return errs.Conflictf("There is not enough disk on the server's host for this image.")
	}
	tx.AfterCommit(s.places.forget)
	return nil
}

// unclaim gives back the room of a server.
func (s *Service) unclaim(ctx context.Context, tx *store.Tx, srv *Server) error {
	if srv.Host == "" {
		return nil
	}
	host, claimed := srv.Host, srv.Claimed
	if err := count(ctx, tx, host, minus(claimed), -1); err != nil {
		return err
	}
	tx.AfterCommit(func() { s.places.give(host, claimed) })
	return nil
}

// count changes what is used of a host, and how many servers use it.
func count(ctx context.Context, tx *store.Tx, host string, amounts schedule.Amounts, servers int) error {
	_, err := tx.Exec(ctx, `UPDATE compute_hosts SET used_vcpus = used_vcpus + ?, used_memory_mib = used_memory_mib + ?, used_disk_gib = used_disk_gib + ?,
		servers = servers + ? WHERE name = ?`, amounts.VCPUs, amounts.MemoryMiB, amounts.DiskGiB, servers, host)
	return err
}

func minus(a schedule.Amounts) schedule.Amounts {
	return schedule.Amounts{VCPUs: -a.VCPUs, MemoryMiB: -a.MemoryMiB, DiskGiB: -a.DiskGiB}
}

// groupOf gives the server group of a server, as the scheduler sees it: without
// the server itself.
func (s *Service) groupOf(ctx context.Context, db bun.IDB, serverID string) (*schedule.Group, error) {
	id, err := groupID(ctx, db, serverID)
	if id == "" || err != nil {
		return nil, err
	}
	g, err := store.Get[ServerGroup](ctx, db, id)
	if store.IsNone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	members, err := s.groupHosts(ctx, db, g.ID)
	return &schedule.Group{Policy: schedule.Policy(g.Policy), MaxPerHost: g.MaxPerHost, Members: members}, err
}

// groupID gives the id of the group of a server, "" without one.
func groupID(ctx context.Context, db bun.IDB, serverID string) (id string, err error) {
	err = db.QueryRowContext(ctx, "SELECT group_id FROM compute_server_group_members WHERE server_id = ?", serverID).Scan(&id)
	if store.IsNone(err) {
		return "", nil
	}
	return id, err
}

// lockGroupOf is lockGroup for the group that a server is in, if any.
func lockGroupOf(ctx context.Context, tx *store.Tx, serverID string) error {
	group, err := groupID(ctx, tx, serverID)
	if group == "" || err != nil {
		return err
	}
	return lockGroup(ctx, tx, group)
}
