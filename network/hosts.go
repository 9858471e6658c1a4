package network

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// AddHost has a host called through d, now and after what it was called
// through before. It may come at any time. Where several processes work for a
// cloud, each of them adds the host; until one has, it leaves the host's
// operations to the others.
func (s *Service) AddHost(ctx context.Context, name string, d Driver) error {
	err := s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO network_hosts (name, created_at) VALUES (?, ?) ON CONFLICT (name) DO NOTHING", name, s.Clock.Now())
		return err
	})
	if err != nil {
		return err
	}
	s.drivers.Add(name, d)
	return nil
}

// RemoveHost takes a host out of the cloud: what was on it is on it no more,
// and its routers move to another host.
func (s *Service) RemoveHost(ctx context.Context, name string) error {
	s.drivers.Remove(name)
	s.beats.forget(name)
	err := s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM network_hosts WHERE name = ?", name); err != nil {
			return err
		}
		return s.forgetTunnel(ctx, tx, name)
	})
	if err != nil {
		return err
	}
	return s.moveStranded(ctx)
}

// hostNames gives the names of the hosts that this process can call, sorted.
func (s *Service) hostNames() []string { return s.drivers.Names() }

// driver gives the driver of a host: errs.NotFound when there is no such host,
// errs.Unavailable when only this process has none for it yet.
func (s *Service) driver(ctx context.Context, host string) (Driver, error) {
	if d, there := s.drivers.Get(host); there {
		return d, nil
	}
	is, err := s.isHost(ctx, s.DB.Read(), host)
	if err != nil {
		return nil, err
	}
	if is {
		return nil, errs.New(errs.Unavailable, "Host %s cannot be called from here yet.", host)
	}
	return nil, errs.NotFoundf("Host %s could not be found.", host)
}

// isHost tells whether there is such a host, for this process or others.
func (s *Service) isHost(ctx context.Context, db bun.IDB, host string) (bool, error) {
	if _, there := s.drivers.Get(host); there || host == "" {
		return there, nil
	}
	return db.NewSelect().TableExpr("network_hosts").Where("name = ?", host).Exists(ctx)
}
