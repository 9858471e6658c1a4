package network

import (
	"context"
	"slices"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/store"
)

// routerHost chooses where the next router is: on the host that has the fewest,
// the first of them by name, of those that answer as far as is known. "" is none.
func (s *Service) routerHost(ctx context.Context, tx *store.Tx) (string, error) {
	names := s.hostNames()
	if there := slices.DeleteFunc(slices.Clone(names), s.beats.away); len(there) > 0 {
		names = there
	}
	if len(names) < 2 {
		return slices.Concat(names, []string{""})[0], nil
	}
	var counts []struct {
		HostID string
		N      int
	}
	err := tx.NewSelect().Model((*Router)(nil)).ColumnExpr("host_id, COUNT(*) AS n").Group("host_id").Scan(ctx, &counts)
	if err != nil {
		return "", err
	}
	has := map[string]int{}
	for _, c := range counts {
		has[c.HostID] = c.N
	}
	return slices.MinFunc(names, func(a, b string) int { return has[a] - has[b] }), nil
}

// moveStranded moves routers whose host is no more, or that never had one.
func (s *Service) moveStranded(ctx context.Context) error {
	return s.moveRouters(ctx, "host_id NOT IN (?) AND host_id NOT IN (SELECT name FROM network_hosts)", bun.List(s.hostNames()))
}

// moveFrom moves routers off a host that does not answer, as long as there is
// one that does. It lets go of them when it is back; until then those that can
// still reach it may find a router there too.
func (s *Service) moveFrom(ctx context.Context, host string) error {
	if !slices.ContainsFunc(s.hostNames(), func(h string) bool { return h != host && !s.beats.away(h) }) {
		return nil
	}
	// It is asked at each heartbeat for as long as the host is away: mostly there is nothing left to move.
	some, err := s.DB.Read().NewSelect().Model((*Router)(nil)).Where("host_id = ?", host).Exists(ctx)
	if err != nil || !some {
		return err
	}
	return s.moveRouters(ctx, "host_id = ?", host)
}

// moveRouters moves the routers that are where a condition says.
func (s *Service) moveRouters(ctx context.Context, where string, args ...any) error {
	if len(s.hostNames()) == 0 {
		return nil
	}
	return s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		var stranded []Router
		if err := tx.NewSelect().Model(&stranded).Where(where, args...).Order("id").Scan(ctx); err != nil {
			return err
		}
		for i := range stranded {
			if err := s.moveRouter(ctx, tx, &stranded[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// moveRouter has another host make a router, which tells the networks where it
// is now, and its former one drop it.
func (s *Service) moveRouter(ctx context.Context, tx *store.Tx, r *Router) (err error) {
	if r.Host, err = s.routerHost(ctx, tx); err != nil {
		return err
	}
	if err := routers.update(ctx, s, tx, r, "host_id"); err != nil {
		return err
	}
	return s.touch(ctx, tx, objRouter, r.ID)
}
