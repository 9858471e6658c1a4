package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"
)

const (
	creators = 8               // clients
	loadTime = 8 * time.Second // of one figure
	pollTime = 2 * time.Millisecond
)

// creates measures how many servers become ACTIVE in a second, each asked for
// and waited for by one of eight clients.
func (b *bench) creates(ctx context.Context) error {
	d, s, err := b.furnished(ctx, b.dir+"/creates")
	if err != nil {
		return err
	}
	for _, c := range []struct {
		what    string
		network bool
	}{{"servers without a port", false}, {"servers with a port", true}} {
		if err := b.load(ctx, []*cumulited{d}, s, c.network, "create to ACTIVE, "+c.what); err != nil {
			return d.stop(err)
		}
	}
	return d.stop(nil)
}

// load has clients create servers for a while, and reports.
func (b *bench) load(ctx context.Context, clouds []*cumulited, s *site, network bool, what string) error {
	if _, err := s.activate(ctx, network); err != nil { // nobody measures the first
		return err
	}
	for _, d := range clouds {
		b.toggleProfile(d)
	}
	usedBefore, err := used(clouds)
	if err != nil {
		return err
	}
	all, err := s.createAll(ctx, clouds, network)
	if err != nil {
		return err
	}
	usedAfter, err := used(clouds)
	if err != nil {
		return err
	}
	for _, d := range clouds {
		b.toggleProfile(d)
	}
	each := func(d time.Duration) float64 { return float64(d) / float64(len(all)) / float64(time.Millisecond) }
	report(what, "%.0f/s, p50 %.1f ms, p99 %.1f ms", float64(len(all))/loadTime.Seconds(), ms(quantile(all, 0.5)), ms(quantile(all, 0.99)))
	report("… processor time of each", "%.2f ms, client's %.2f ms", each(usedAfter.clouds-usedBefore.clouds), each(usedAfter.self-usedBefore.self))
	return nil
}

// createAll is the load; it gives how long each server took.
func (s *site) createAll(ctx context.Context, clouds []*cumulited, network bool) ([]time.Duration, error) {
	var mu sync.Mutex
	var all []time.Duration
	var failed error
	var clients sync.WaitGroup
	began := time.Now()
	for n := range creators {
		at := *s
		at.url = clouds[n%len(clouds)].url
		clients.Go(func() {
			for time.Since(began) < loadTime {
				took, err := at.activate(ctx, network)
				mu.Lock()
				if err != nil {
					failed = err
					mu.Unlock()
					return
				}
				if time.Since(began) < loadTime {
					all = append(all, took)
				}
				mu.Unlock()
			}
		})
	}
	clients.Wait()
	if len(all) == 0 && failed == nil {
		failed = fmt.Errorf("no server became active in %s", loadTime)
	}
	return all, failed
}

// activate makes a server and waits until it is ACTIVE.
func (s *site) activate(ctx context.Context, network bool) (time.Duration, error) {
	began := time.Now()
	id, err := s.create(ctx, 1, network)
	if err != nil {
		return 0, err
	}
	err = poll(ctx, pollTime, func() (bool, error) {
		status, err := s.status(ctx, id)
		if err == nil && status == "ERROR" {
			err = fmt.Errorf("server %s is in ERROR", id)
		}
		return status == "ACTIVE", err
	})
	return time.Since(began), err
}

// processors is what was used of them.
type processors struct{ clouds, self time.Duration }

func used(clouds []*cumulited) (p processors, err error) {
	for _, d := range clouds {
		one, err := cpu(d.cmd.Process.Pid)
		if err != nil {
			return p, err
		}
		p.clouds += one
	}
	p.self, err = cpu(os.Getpid())
	return p, err
}
