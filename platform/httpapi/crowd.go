package httpapi

import (
	"context"
	"net"
	"net/http"
	"sync"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
)

// waiting is how many requests of one project may wait for each that is served.
const waiting = 4

// crowd serves so many requests of one project at once; more wait for their
// turn, and not too many of those: nobody takes the service from others.
type crowd struct {
	atOnce int
	mu     sync.Mutex
	lines  map[string]*line
}

// line is the requests of one project.
type line struct {
	serving chan struct{} // holds a token for each that is served
	users   int           // served or waiting
}

var errCrowd = errs.New(errs.RateLimited, "Too many requests at once. Try again later.")

// enter waits for the turn of a request; leave ends it.
func (c *crowd) enter(ctx context.Context, key string) (leave func(), err error) {
	l, err := c.join(key)
	if err != nil {
		return nil, err
	}
	select {
	case l.serving <- struct{}{}:
		return func() { <-l.serving; c.part(key, l) }, nil
	case <-ctx.Done():
		c.part(key, l)
		return nil, ctx.Err()
	}
}

func (c *crowd) join(key string) (*line, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.lines[key]
	if l == nil {
		l = &line{serving: make(chan struct{}, c.atOnce)}
		c.lines[key] = l
	}
	if l.users >= c.atOnce*(1+waiting) {
		return nil, errCrowd
	}
	l.users++
	return l, nil
}

func (c *crowd) part(key string, l *line) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.users--; l.users == 0 {
		delete(c.lines, key)
	}
}

// lineOf says with whom a request waits: those of its project, of its user
// outside of projects, of its address when nobody is known. What moves bytes
// takes its time, and waits apart.
func lineOf(r *http.Request, g auth.Grant, raw bool) string {
	key := "project " + g.ProjectID()
	switch {
	case g.IsZero():
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		key = "address " + host
	case g.ProjectID() == "":
		key = "user " + g.UserID()
	}
	if raw {
		key += " bytes"
	}
	return key
}
