package server

import (
	"fmt"
	"log/slog"
	"sync"
)

// logger passes on what the NATS server says. What it calls fatal ends the
// start, not the process.
type logger struct {
	*slog.Logger
	mu   sync.Mutex
	last string
}

func (l *logger) fatal() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// Noticef implements natsserver.Logger, as the others do.
func (l *logger) Noticef(format string, args ...any) {
	l.Debug("nats: " + fmt.Sprintf(format, args...))
}

// Warnf is for what may be wrong.
func (l *logger) Warnf(format string, args ...any) { l.Warn("nats: " + fmt.Sprintf(format, args...)) }

// Errorf is for what is wrong.
func (l *logger) Errorf(format string, args ...any) { l.Warn("nats: " + fmt.Sprintf(format, args...)) }

// Fatalf is for what keeps the server from starting.
func (l *logger) Fatalf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = fmt.Sprintf(format, args...)
}

// Debugf is not asked for.
func (l *logger) Debugf(string, ...any) {}

// Tracef is not asked for.
func (l *logger) Tracef(string, ...any) {}
