package computerpc

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/cumulite/cumulite/compute"
)

const (
	logKept = 1024             // changes that a client may be behind
	pollFor = 20 * time.Second // how long one call waits for a change
)

// changesIn asks for the changes after a point. The zero value asks where the
// log ends now.
type changesIn struct {
	Log   string `json:"log"` // the id of the log that After counts in
	After int    `json:"after"`
}

// changesOut are the changes up to Next. Lost says that some are missing:
// another log, or too far behind.
type changesOut struct {
	Log     string          `json:"log"`
	Next    int             `json:"next"`
	Changes []compute.Guest `json:"changes"`
	Lost    bool            `json:"lost"`
}

// log keeps the last changes of a host for clients that ask again and again.
// It watches the host from the first question on. Each break of the watch
// begins a new log, so that every client knows that it missed something.
type log struct {
	ctx     context.Context // of the watch: as long as Serve's
	watcher compute.Watcher

	mu      sync.Mutex
	id      string // "" while nobody watches
	first   int    // number of kept[0]
	kept    []compute.Guest
	changed chan struct{} // closed and replaced at each change
}

func newLog(ctx context.Context, w compute.Watcher) *log {
	return &log{ctx: ctx, watcher: w, changed: make(chan struct{})}
}

// since waits for changes after in, and gives an empty answer when none come
// for a while.
func (l *log) since(ctx context.Context, in changesIn) (changesOut, error) {
	if err := l.open(); err != nil {
		return changesOut{}, err
	}
	limit, cancel := context.WithTimeout(ctx, pollFor)
	defer cancel()
	for {
		out, changed := l.read(in)
		if len(out.Changes) > 0 || out.Lost || in.Log == "" {
			return out, nil
		}
		select {
		case <-changed:
		case <-limit.Done():
			return out, ctx.Err()
		}
	}
}

// open begins a log unless there is one.
func (l *log) open() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.id != "" {
		return nil
	}
	changes, err := l.watcher.Watch(l.ctx)
	if err != nil {
		return err
	}
	l.id, l.first, l.kept = uuid.NewString(), 0, nil
	go l.collect(changes)
	return nil
}

func (l *log) collect(changes <-chan compute.Guest) {
	for g := range changes {
		l.mu.Lock()
		l.kept = append(l.kept, g)
		if extra := len(l.kept) - logKept; extra > 0 {
			l.kept = append([]compute.Guest(nil), l.kept[extra:]...)
			l.first += extra
		}
		l.signal()
		l.mu.Unlock()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.id = ""
	l.signal()
}

// signal is called with the lock held.
func (l *log) signal() {
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *log) read(in changesIn) (changesOut, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := changesOut{Log: l.id, Next: l.first + len(l.kept)}
	switch {
	case in.Log == "":
	case in.Log != l.id || in.After < l.first || in.After > out.Next:
		out.Lost = true
	default:
		out.Changes = append(out.Changes, l.kept[in.After-l.first:]...)
	}
	return out, l.changed
}
