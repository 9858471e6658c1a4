package event

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/cumulite/cumulite/platform/store"
)

// batch is how many events are read at once. The cursor is stored after each
// batch, so as many may come again after a crash.
const batch = 64

// Run delivers events until ctx is done, then returns nil once the handlers
// have returned. It may be called again then; what another process delivered
// meanwhile does not come again.
func (b *Bus) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, s := range b.subs {
		wg.Go(func() { s.run(ctx) })
	}
	wg.Go(func() { b.runPrune(ctx) })
	wg.Wait()
	return nil
}

// sleep waits until wake, or for d by the clock. It is false when ctx is done.
func (b *Bus) sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	due, stop := b.clk.At(b.clk.Now().Add(d))
	defer stop()
	select {
	case <-wake:
	case <-due:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// subscriber is one name with its handler; its goroutine owns the cursors.
type subscriber struct {
	bus    *Bus
	name   string
	types  []string
	fn     Handler
	woken  chan struct{}
	cursor int64 // the last event handled; known once ready
	stored int64 // cursor as it is in the database
	ready  bool
}

func (s *subscriber) run(ctx context.Context) {
	failures := 0
	s.ready = false
	for ctx.Err() == nil {
		n, err := s.deliver(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			failures = 0
			if n < batch {
				s.bus.sleep(ctx, s.bus.opts.Poll, s.woken)
			}
			continue
		}
		if n > 0 {
			failures = 0 // another event is at fault
		}
		failures++
		wait := s.bus.opts.Backoff(failures)
		s.bus.opts.Logger.Warn("event was not handled", "subscriber", s.name, "failures", failures, "retry_in", wait, "error", err)
		s.bus.sleep(ctx, wait, nil)
	}
}

// deliver handles the next events, as far as it goes without an error, and
// stores how far that was.
func (s *subscriber) deliver(ctx context.Context) (handled int, err error) {
	if err := s.begin(ctx); err != nil {
		return 0, err
	}
	events, err := s.bus.after(ctx, s.cursor, batch)
	if err != nil {
		return 0, err
	}
	for _, ev := range events {
		if err = s.handle(ctx, ev); err != nil {
			break
		}
		s.cursor = ev.Seq
		handled++
	}
	if s.cursor == s.stored {
		return handled, err
	}
	if saved := s.save(ctx); saved != nil && err == nil {
		err = saved
	}
	return handled, err
}

// handle calls the handler, unless the event is of no interest to it.
func (s *subscriber) handle(ctx context.Context, ev Event) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !matches(s.types, ev.Type) {
		return nil
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s %s: panic: %v\n%s", ev.Type, ev.ID, p, debug.Stack())
		}
	}()
	if err := s.fn(ctx, ev); err != nil {
		return fmt.Errorf("%s %s: %w", ev.Type, ev.ID, err)
	}
	return nil
}

func matches(types []string, typ string) bool {
	for _, t := range types {
		prefix, any := strings.CutSuffix(t, "*")
		if t == typ || any && strings.HasPrefix(typ, prefix) {
			return true
		}
	}
	return false
}

// begin finds out where this subscriber stopped, the first time it is called.
func (s *subscriber) begin(ctx context.Context) error {
	if s.ready {
		return nil
	}
	err := s.bus.db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		row := tx.QueryRow(ctx, `INSERT INTO event_cursors (name, seq, seen_at) VALUES (?, 0, ?)
			ON CONFLICT (name) DO UPDATE SET seen_at = excluded.seen_at RETURNING seq`, s.name, s.bus.clk.Now())
		return row.Scan(&s.cursor)
	})
	s.ready, s.stored = err == nil, s.cursor
	return err
}

// save stores the cursor, also when ctx has ended: what was handled then need
// not come again.
func (s *subscriber) save(ctx context.Context) error {
	err := s.bus.db.Write(context.WithoutCancel(ctx), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE event_cursors SET seq = ?, seen_at = ? WHERE name = ? AND seq < ?",
			s.cursor, s.bus.clk.Now(), s.name, s.cursor)
		return err
	})
	if err == nil {
		s.stored = s.cursor
	}
	return err
}

// after reads events in order.
func (b *Bus) after(ctx context.Context, seq int64, limit int) ([]Event, error) {
	rows, err := b.db.Query(ctx, `SELECT seq, id, type, service, resource, project_id, user_id, request_id, payload, at
		FROM event_events WHERE seq > ? ORDER BY seq LIMIT ?`, seq, limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var events []Event
	for rows.Next() {
		var ev Event
		var payload []byte
		if err := rows.Scan(&ev.Seq, &ev.ID, &ev.Type, &ev.Service, &ev.Resource, &ev.ProjectID, &ev.UserID, &ev.RequestID, &payload, &ev.At); err != nil {
			return nil, err
		}
		ev.Payload = payload
		events = append(events, ev)
	}
	return events, rows.Err()
}
