package network

import (
	"context"
	"sync"
	"time"

	"github.com/cumulite/cumulite/platform/store"
)

// beat is what is known of a host.
type beat struct {
	Host
	Alive bool
	Since time.Time // it was seen first
	Seen  time.Time // it answered last
}

// beats are those of all hosts. The zero value is ready.
type beats struct {
	mu      sync.Mutex
	watched bool // by Run, so that a host that comes back is noticed
	hosts   map[string]beat
}

// away tells whether a host is known not to answer: calls to it would only
// hold up those to others.
func (b *beats) away(host string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	it, known := b.hosts[host]
	return b.watched && known && !it.Alive
}

// areWatched tells whether Run keeps them up to date.
func (b *beats) areWatched() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.watched
}

func (b *beats) forget(host string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.hosts, host)
}

func (b *beats) watch() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.watched = true
}

func (b *beats) of(host string) beat {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.hosts[host]
}

// note takes note of an answer, or that there was none.
func (b *beats) note(host string, info Host, now time.Time, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.hosts == nil {
		b.hosts = map[string]beat{}
	}
	it := b.hosts[host]
	if it.Alive = err == nil; it.Alive {
		it.Host, it.Seen = info, now
		if it.Since.IsZero() {
			it.Since = now
		}
	}
	b.hosts[host] = it
}

// Hosts are asked for their state; what they have is compared with what they
// need when they come (back), and now and then.
const (
	describeTimeout  = 4 * time.Second
	reconcileTimeout = 10 * time.Minute
	reconcileEvery   = 75 // heartbeats
)

// keeperLease is held by the process that brings the hosts in order.
const keeperLease = "network.hosts"

// Run watches the hosts until ctx is done: what one lacks of what it needs is
// brought to it, what it has and should not is taken away, when it is seen
// first, when it comes back, and now and then. Routers whose host is no more
// move to another first. Where several processes work for a cloud, each asks
// the hosts how they are, and one at a time brings them in order. It must not
// be called twice.
func (s *Service) Run(ctx context.Context) error {
	s.beats.watch()
	if s.o.Leases == nil {
		s.startKeeping(ctx)
		s.drivers.Follow(ctx, s.watch)
		return nil
	}
	var watching sync.WaitGroup
	watching.Go(func() { s.drivers.Follow(ctx, s.watch) })
	defer watching.Wait()
	err := s.o.Leases.Hold(ctx, keeperLease, func(ctx context.Context, _ int64) error {
		s.startKeeping(ctx)
		defer s.keeps.Store(false)
		<-ctx.Done()
		return ctx.Err()
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// startKeeping makes this process the one that brings hosts in order. What
// another still does meanwhile is harmless: no host takes an older generation
// for a newer one.
func (s *Service) startKeeping(ctx context.Context) {
	s.moveStrandedRouters(ctx)
	s.keeps.Store(true)
}

func (s *Service) moveStrandedRouters(ctx context.Context) {
	if err := s.moveStranded(ctx); err != nil && ctx.Err() == nil {
		s.log.WarnContext(ctx, "Routers whose host is no more stay without one until the next start.", "error", err)
	}
}

// watched is what is remembered of a host between two looks at it.
type watched struct {
	told tunnel    // was taken note of
	life string    // of its driver
	seen time.Time // it answered last, or the watch began
	due  int       // looks until it is reconciled
}

func (s *Service) watch(ctx context.Context, host string, d Driver) {
	for w := (watched{seen: s.Clock.Now()}); ctx.Err() == nil; w.due-- {
		if err := s.look(ctx, host, d, &w); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "A host was not brought in order.", "host", host, "error", err)
			w.due = 0
		}
		s.pause(ctx, s.o.Heartbeat)
	}
}

// look asks a host how it is, and does what follows from that.
func (s *Service) look(ctx context.Context, host string, d Driver, w *watched) error {
	it := s.describe(ctx, host, d)
	if it.Alive {
		w.seen = it.Seen
	}
	if !s.keeps.Load() {
		*w = watched{seen: w.seen}
		return nil
	}
	if !it.Alive {
		w.due = 0
		if s.Clock.Now().Sub(w.seen) < s.o.RouterMove {
			return nil
		}
		return s.moveFrom(ctx, host)
	}
	if now := (tunnel{Host: host, Address: it.Tunnel, MTU: it.TunnelMTU}); w.told != now {
		if err := s.noteTunnel(ctx, now); err != nil {
			return err
		}
		w.told = now
	}
	if w.due > 0 && w.life == it.Life {
		return nil
	}
	w.due, w.life = reconcileEvery, it.Life
	return s.reconcile(ctx, host, d)
}

// pause waits for so long, or for the end of ctx.
func (s *Service) pause(ctx context.Context, d time.Duration) {
	due, stop := s.Clock.At(s.Clock.Now().Add(d))
	defer stop()
	select {
	case <-due:
	case <-ctx.Done():
	}
}

// describe asks a host for its state.
func (s *Service) describe(ctx context.Context, host string, d Driver) beat {
	bounded, cancel := context.WithTimeout(ctx, describeTimeout)
	defer cancel()
	info, err := d.Describe(bounded)
	if ctx.Err() != nil {
		return s.beats.of(host) // who asks has gone, not the host
	}
	s.beats.note(host, info, s.Clock.Now(), err)
	return s.beats.of(host)
}

// reconcile has a host hold what it needs, and nothing else.
func (s *Service) reconcile(ctx context.Context, host string, d Driver) error {
	ctx, cancel := context.WithTimeout(ctx, reconcileTimeout)
	defer cancel()
	has, err := d.Inventory(ctx)
	if err != nil {
		return err
	}
	var placed []struct {
		placement
		Generation int64
	}
	err = s.DB.Read().NewSelect().TableExpr("network_placements AS p").ColumnExpr("p.*, g.generation").
		Join("JOIN network_generations AS g ON g.id = p.id").Where("p.host = ?", host).Scan(ctx, &placed)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, kind := range []object{objNetwork, objGroup, objRouter, objPort} {
		for _, p := range placed {
			known[p.ID] = true
			is, there := has.of(kind)[p.ID]
			if p.Kind != kind {
				continue
			}
			if err := s.align(ctx, p.placement, p.Generation, there && is >= p.Generation); err != nil {
				return err
			}
		}
	}
	if err := s.sweepHost(ctx, host); err != nil {
		return err
	}
	return s.removeStrangers(ctx, host, has, known)
}

// align has a host hold an object as its rows say. One that has it so already
// may have taken it over when nobody could take note of that.
func (s *Service) align(ctx context.Context, pl placement, generation int64, has bool) error {
	switch {
	case pl.Pending && pl.Kind != objRouter:
		return nil // an operation sees to it, but a router that moved on meanwhile must not be there twice
	case pl.Pending || !has:
		return s.repair(ctx, pl)
	case pl.Applied >= generation:
		return nil
	}
	return s.write(ctx, func(ctx context.Context, tx *store.Tx) error { return arrived(ctx, tx, pl, generation) })
}

// repair brings an object to a host outside of an operation.
func (s *Service) repair(ctx context.Context, pl placement) error {
	brought, gone, err := s.bring(ctx, pl)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if !gone {
			return arrived(ctx, tx, pl, brought)
		}
		if current, err := generation(ctx, tx, pl.ID); err != nil || current != brought {
			return err // it changed meanwhile, and whoever did that sees to it
		}
		return s.forget(ctx, tx, pl)
	})
}

// removeStrangers takes away what a host has and nobody knows of, what needs others first.
func (s *Service) removeStrangers(ctx context.Context, host string, has Inventory, known map[string]bool) error {
	for _, kind := range []object{objPort, objRouter, objGroup, objNetwork} {
		for id := range has.of(kind) {
			if known[id] {
				continue
			}
			if _, _, err := s.bring(ctx, placement{ID: id, Host: host, Kind: kind}); err != nil {
				return err
			}
		}
	}
	return nil
}
