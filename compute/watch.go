package compute

import (
	"context"
	"sync"
	"time"

	"github.com/cumulite/cumulite/platform/lease"
	"github.com/cumulite/cumulite/platform/store"
)

// watchLease is held by the process that watches the hosts.
const watchLease = "compute.watch"

// Run watches the hosts until ctx is done: whether they answer, and what
// their guests do without being asked. It prunes the records of deleted
// servers, and settles servers that were left in between. Of all processes of a cloud one does so at a time; the others learn
// from it.
func (s *Service) Run(ctx context.Context) error {
	if s.opts.Leases == nil {
		s.watchHosts(ctx)
		return nil
	}
	var learning sync.WaitGroup
	learning.Go(func() { s.every(ctx, learnEvery, s.learned) })
	defer learning.Wait()
	err := s.opts.Leases.Hold(ctx, watchLease, func(ctx context.Context, fence int64) error {
		s.fence.Store(fence)
		s.watchHosts(ctx)
		return ctx.Err()
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// watchHosts watches the hosts that are there, and those that come, until ctx is done.
func (s *Service) watchHosts(ctx context.Context) {
	s.noted.clear()
	if err := s.write(ctx, s.missHosts); err != nil && ctx.Err() == nil {
		s.log.Warn("hosts that are no more may be shown as up", "error", err)
	}
	var others sync.WaitGroup
	others.Go(func() { s.every(ctx, time.Hour, s.prune) })
	others.Go(func() { s.every(ctx, healEvery, s.heal) })
	s.hosts.Follow(ctx, s.watch)
	others.Wait()
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
const patience = 4 * time.Second

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
	if s.noted.same(name, info, err == nil, s.Clock.Now()) {
		return err == nil
	}
	noted := s.write(ctx, func(ctx context.Context, tx *store.Tx) error { return s.note(ctx, tx, name, info, err == nil) })
	if noted != nil && ctx.Err() == nil {
		s.log.Error("the state of a host cannot be noted", "host", name, "error", noted)
	}
	return err == nil
}

func (s *Service) note(ctx context.Context, tx *store.Tx, name string, info HostInfo, answers bool) error {
	if err := s.onWatch(ctx, tx); err != nil {
		return err
	}
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
	tx.AfterCommit(func() { s.noted.set(name, info, answers, now) })
	if !changed && (!answers || row.SeenAt != nil && now.Sub(*row.SeenAt) < noteEvery) {
		return nil
	}
	if answers {
		row.SeenAt = &now
	}
	return store.Update(ctx, tx, row, "answers", "info", "seen_at")
}

// onWatch makes sure in a transaction that the watch is still this process's.
func (s *Service) onWatch(ctx context.Context, tx *store.Tx) error {
	if s.opts.Leases == nil {
		return nil
	}
	return lease.Guard(ctx, tx, watchLease, s.fence.Load())
}
