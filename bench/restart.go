package main

import (
	"context"
	"fmt"
	"syscall"
	"time"
)

const underWay = 10_000 // operations when the cloud is killed

// restart kills a cloud that has very many operations under way, and measures
// how the next one takes them up.
func (b *bench) restart(ctx context.Context) error {
	dir := b.dir + "/restart"
	d, s, err := b.furnished(ctx, dir)
	if err != nil {
		return err
	}
	if _, err := s.burst(ctx, 1000); err != nil { // nobody measures the first
		return d.stop(err)
	}
	before, err := s.burst(ctx, 4000)
	if err != nil {
		return d.stop(err)
	}
	report("4000 servers of one burst, ACTIVE per second", "%.0f/s", before)
	for range underWay / 1000 {
		if _, err := s.create(ctx, 1000, false); err != nil {
			return d.stop(err)
		}
	}
	active, err := s.active(ctx)
	if err != nil {
		return d.stop(err)
	}
	_ = d.cmd.Process.Signal(syscall.SIGKILL)
	_ = d.cmd.Wait()
	began := time.Now()
	if d, err = b.launchBig(ctx, "--state-dir", dir); err != nil {
		return err
	}
	s.url = d.url
	b.toggleProfile(d)
	report(fmt.Sprintf("killed with %d operations under way: exec to the first 200", 5000+underWay-active), "%.0f ms", ms(d.first))
	changed := fmt.Sprintf("&status=ACTIVE&changes-since=%s", began.UTC().Format("2006-01-02T15:04:05.000000Z"))
	if err := s.await(ctx, 10*time.Millisecond, changed, true); err != nil {
		return d.stop(err)
	}
	report("… exec to the first that ends", "%.0f ms", ms(time.Since(began)))
	if err := s.await(ctx, time.Second, "&status=BUILD", false); err != nil {
		return d.stop(err)
	}
	report("… ACTIVE per second until all are", "%.0f/s", float64(5000+underWay-active)/time.Since(began).Seconds())
	b.toggleProfile(d)
	return d.stop(nil)
}

// burst asks for n servers, and gives how many become active in a second.
func (s *site) burst(ctx context.Context, n int) (float64, error) {
	began := time.Now()
	for range n / 1000 {
		if _, err := s.create(ctx, 1000, false); err != nil {
			return 0, err
		}
	}
	err := s.await(ctx, time.Second, "&status=BUILD", false)
	return float64(n) / time.Since(began).Seconds(), err
}

// active gives how many servers run.
func (s *site) active(ctx context.Context) (n int, err error) {
	for marker := ""; ; {
		var page struct{ Servers []struct{ ID, Status string } }
		if err := s.call(ctx, "GET", "/compute/v2.1/servers?status=ACTIVE&limit=1000"+marker, nil, &page); err != nil {
			return 0, err
		}
		n += len(page.Servers)
		if len(page.Servers) < 1000 {
			return n, nil
		}
		marker = "&marker=" + page.Servers[999].ID
	}
}

// await waits until there is a server that a query finds, or none.
func (s *site) await(ctx context.Context, every time.Duration, query string, some bool) error {
	return poll(ctx, every, func() (bool, error) {
		var page struct{ Servers []struct{ ID string } }
		err := s.call(ctx, "GET", "/compute/v2.1/servers?limit=1"+query, nil, &page)
		return len(page.Servers) > 0 == some, err
	})
}
