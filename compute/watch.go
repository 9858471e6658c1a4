package compute

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// Recover readies the service for its first request: every host has a row,
// and no server is in between without an operation that carries it on. Hosts
// are asked how they are, all at once and for a few seconds at most.
func (s *Service) Recover(ctx context.Context) error {
	if err := s.DB.Write(ctx, s.enterHosts); err != nil {
		return err
	}
	if err := s.settleOrphans(ctx); err != nil {
		return err
	}
	var asked sync.WaitGroup
	for name, h := range s.Hosts {
		asked.Go(func() { s.ask(ctx, name, h) })
	}
	asked.Wait()
	return nil
}

// enterHosts gives a row to each host that has none. Hosts that are not
// configured any more do not answer.
func (s *Service) enterHosts(ctx context.Context, tx *store.Tx) error {
	rows, err := allHosts(ctx, tx)
	if err != nil {
		return err
	}
	last, known := int64(0), map[string]bool{}
	for i := range rows {
		last, known[rows[i].Name] = max(last, rows[i].Number), true
		if err := s.configure(ctx, tx, &rows[i]); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Hosts)) {
		if known[name] {
			continue
		}
		last++
		now := s.Clock.Now()
		h := &Host{ID: uuid.NewString(), Number: last, Name: name, Zone: s.zoneOf(name), CreatedAt: now, UpdatedAt: now}
		if err := store.Insert(ctx, tx, h); err != nil {
			return err
		}
	}
	tx.AfterCommit(s.places.forget)
	return nil
}

// configure brings a host's row up to what is configured now.
func (s *Service) configure(ctx context.Context, tx *store.Tx, h *Host) error {
	_, there := s.Hosts[h.Name]
	if there && h.Zone == s.zoneOf(h.Name) || !there && !h.Answers {
		return nil
	}
	if there {
		h.Zone = s.zoneOf(h.Name)
	}
	h.Answers = h.Answers && there
	return store.Update(ctx, tx, h, "zone", "answers")
}

// settleOrphans ends what no operation carries on: what a repaired or restored
// database may hold.
func (s *Service) settleOrphans(ctx context.Context) error {
	var list []Server
	err := s.DB.Read().NewSelect().Model(&list).Where("task_state <> ''").Scan(ctx)
	if err != nil {
		return err
	}
	for i := range list {
		ops, err := s.Ops.List(ctx, list[i].ID)
		if err != nil {
			return err
		}
		if len(ops) > 0 {
			continue
		}
		s.log.Warn("a server was left in between without an operation", "server", list[i].ID, "task", list[i].Task)
		if err := s.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return s.settleOrphan(ctx, tx, &list[i]) }); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) settleOrphan(ctx context.Context, tx *store.Tx, srv *Server) error {
	if srv.Task == TaskDeleting {
		_, err := s.ops.remove.Start(ctx, tx, srv.ID, deleteArgs{Host: srv.Host})
		return err
	}
	if srv.VM == VMBuilding || slices.Contains(rebuilding, srv.Task) {
		return s.save(ctx, tx, srv, s.fail(srv, errs.New(errs.Internal, "it was interrupted"))...)
	}
	srv.Task = TaskNone
	return s.save(ctx, tx, srv)
}

// Run watches the hosts until ctx is done: whether they answer, and what
// their guests do without being asked. It prunes the records of deleted servers.
func (s *Service) Run(ctx context.Context) error {
	var watched sync.WaitGroup
	for name, h := range s.Hosts {
		watched.Go(func() { s.watch(ctx, name, h) })
	}
	s.every(ctx, time.Hour, s.prune)
	watched.Wait()
	return nil
}

// every calls fn now and then, until ctx is done.
func (s *Service) every(ctx context.Context, pause time.Duration, fn func(ctx context.Context)) {
	for ctx.Err() == nil {
		fn(ctx)
		s.sleep(ctx, pause)
	}
}

// sleep waits for a time of the cloud's clock, or for the end of ctx.
func (s *Service) sleep(ctx context.Context, d time.Duration) {
	due, stop := s.Clock.At(s.Clock.Now().Add(d))
	defer stop()
	select {
	case <-due:
	case <-ctx.Done():
	}
}

// watch follows one host. A host that tells of changes is listened to between
// the polls, one that does not is asked for its guests at each.
func (s *Service) watch(ctx context.Context, name string, h Hypervisor) {
	s.every(ctx, s.opts.Poll, func(ctx context.Context) {
		if !s.ask(ctx, name, h) {
			return
		}
		watcher, can := h.(Watcher)
		if !can {
			s.compare(ctx, name, h)
			return
		}
		s.listen(ctx, name, h, watcher)
	})
}

// comparedEvery is how many polls pass between two comparisons of all guests
// of a host that tells of changes: what was left on it while it was out of
// reach is found then.
const comparedEvery = 10

// listen compares all guests and then each that changes, until the host breaks
// off or stops answering.
func (s *Service) listen(ctx context.Context, name string, h Hypervisor, w Watcher) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	late, done := context.WithTimeout(ctx, patience)
	began := context.AfterFunc(late, cancel)
	changes, err := w.Watch(ctx)
	began()
	done()
	if err != nil && ctx.Err() == nil {
		s.log.Warn("a host cannot be watched", "host", name, "error", err)
	}
	s.compare(ctx, name, h)
	for polls := 1; err == nil; polls++ {
		due, stop := s.Clock.At(s.Clock.Now().Add(s.opts.Poll))
		open := s.follow(ctx, name, h, changes, due)
		stop()
		if !open || !s.ask(ctx, name, h) {
			return
		}
		if polls%comparedEvery == 0 {
			s.compare(ctx, name, h)
		}
	}
}

// follow takes changes until it is due to ask the host again; false when the
// host broke off.
func (s *Service) follow(ctx context.Context, name string, h Hypervisor, changes <-chan Guest, due <-chan struct{}) bool {
	for {
		select {
		case g, open := <-changes:
			if !open {
				return false
			}
			s.changed(ctx, name, h, g)
		case <-due:
			return true
		case <-ctx.Done():
			return false
		}
	}
}

// patience is how long a host may take to say how it is.
const patience = 5 * time.Second

// ask asks a host how it is, and tells whether it answered. It notes what is
// new, and no more: a host that is well is not written each time.
func (s *Service) ask(ctx context.Context, name string, h Hypervisor) bool {
	bounded, cancel := context.WithTimeout(ctx, patience)
	info, err := h.Describe(bounded)
	cancel()
	if ctx.Err() != nil {
		return false
	}
	if err != nil {
		s.log.Warn("a host does not answer", "host", name, "error", err)
	}
	noted := s.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return s.note(ctx, tx, name, info, err == nil) })
	if noted != nil && ctx.Err() == nil {
		s.log.Error("the state of a host cannot be noted", "host", name, "error", noted)
	}
	return err == nil
}

func (s *Service) note(ctx context.Context, tx *store.Tx, name string, info HostInfo, answers bool) error {
	row, err := hostNamed(ctx, tx, name)
	if err != nil {
		return err
	}
	now := s.Clock.Now()
	changed := row.Answers != answers || answers && !sameInfo(row.Info, info)
	row.Answers = answers
	if answers {
		row.Info = info
	}
	up := row.Up()
	if _, down := s.down.Load(name); changed || down == up {
		tx.AfterCommit(func() { s.heard(name, up) })
	}
	if !changed && (!answers || row.SeenAt != nil && now.Sub(*row.SeenAt) < time.Minute) {
		return nil
	}
	if answers {
		row.SeenAt = &now
	}
	return store.Update(ctx, tx, row, "answers", "info", "seen_at")
}

func sameInfo(a, b HostInfo) bool {
	return slices.Equal(a.Abilities, b.Abilities) && slices.Equal(a.Formats, b.Formats) && equalScalars(a, b)
}

func equalScalars(a, b HostInfo) bool {
	return a.Name == b.Name && a.Type == b.Type && a.Version == b.Version && a.Address == b.Address && a.Arch == b.Arch && a.Accel == b.Accel &&
		a.VCPUs == b.VCPUs && a.MemoryMiB == b.MemoryMiB && a.DiskGiB == b.DiskGiB && a.CPUModel == b.CPUModel
}
