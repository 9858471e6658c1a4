package soak

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"github.com/cumulite/cumulite/cloud"
	"github.com/cumulite/cumulite/platform/flow"
	"github.com/cumulite/cumulite/platform/rpc"
	"github.com/cumulite/cumulite/platform/store"
)

// climate is how bad things are. The zero climate is fine.
type climate struct {
	// Of a thousand calls to hosts, so many are lost on the way there, on the
	// way back, come twice, and are late.
	lost, unanswered, twice, late int
	lateness                      time.Duration
	// Of a thousand commits, so many fail, and so many are done while their
	// caller is told that they are not.
	failing, unsure int
	disk            time.Duration // what a commit takes
	full            bool          // nothing can be written
	away            map[string]bool
	over            chan struct{} // closed when it changes
}

// weather decides what happens at the seams. What befalls the nth call of a
// method to a host follows from the seed alone.
type weather struct {
	seed uint64

	mu    sync.Mutex
	now   climate
	count map[string]uint64
}

func newWeather(seed uint64) *weather {
	return &weather{seed: seed, count: map[string]uint64{}, now: climate{over: make(chan struct{})}}
}

// set makes it so from now on.
func (w *weather) set(c climate) {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.now.over)
	c.over = make(chan struct{})
	w.now = c
}

// roll gives a number below a thousand, and what it is now.
func (w *weather) roll(what string) (int, climate) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count[what]++
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %s %d", w.seed, what, w.count[what])
	return int(h.Sum64() >> 32 % 1000), w.now
}

func (w *weather) store(op string) error {
	n, c := w.roll(op)
	if op == "commit" {
		time.Sleep(c.disk)
	}
	switch {
	case op != "committed" && c.full:
		return fmt.Errorf("database or disk is full: %w", store.ErrFull)
	case op == "commit" && n < c.failing:
		return errors.New("the disk made an error")
	case op == "committed" && n < c.unsure:
		return errors.New("the connection was cut")
	}
	return nil
}

func (w *weather) call(ctx context.Context, host, method string) rpc.Fault {
	n, c := w.roll(host + " " + method)
	if c.away[host] { // packets go nowhere: nobody says that they do
		select {
		case <-ctx.Done():
		case <-c.over:
		}
		return rpc.Fail
	}
	for _, each := range []struct {
		permille int
		fault    rpc.Fault
	}{{c.lost, rpc.Fail}, {c.unanswered, rpc.Drop}, {c.twice, rpc.Repeat}} {
		if n < each.permille {
			return each.fault
		}
		n -= each.permille
	}
	if n < c.late {
		pause(ctx, c.lateness)
	}
	return rpc.None
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	<-ctx.Done()
}

// life is that of one process of a cloud, up to the moment when it is killed:
// from then on nothing that it does reaches a disk or a host.
type life struct {
	w *weather

	mu   sync.Mutex
	left int // seams to pass until then; below 0: it goes on
	dead bool
}

var errDead = errors.New("the process was killed")

func newLife(w *weather) *life { return &life{w: w, left: -1} }

// kill kills it once it has passed so many seams more.
func (l *life) kill(after int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left = after
}

// spare lets it live, if it does.
func (l *life) spare() { l.kill(-1) }

// pass is called at each seam, and tells whether the process is dead.
func (l *life) pass() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.left == 0 {
		l.dead = true
	}
	l.left = max(l.left-1, -1)
	return l.dead
}

func (l *life) isDead() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dead
}

func (l *life) faults() *cloud.Faults {
	return &cloud.Faults{
		Store: func(op string) error {
			if l.pass() {
				return errDead
			}
			return l.w.store(op)
		},
		Call: func(ctx context.Context, host, method string) rpc.Fault {
			if l.pass() {
				return rpc.Fail
			}
			return l.w.call(ctx, host, method)
		},
		Step: func(string, string, flow.Point) error {
			if l.pass() {
				return flow.ErrKilled
			}
			return nil
		},
	}
}
