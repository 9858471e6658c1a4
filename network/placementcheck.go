package network

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/doctor"
	"github.com/cumulite/cumulite/platform/store"
)

// told is a placement with the generation of its object, 0 when there is none,
// and of a port, of which device it is and whether it is about to be brought there.
type told struct {
	placement
	Generation int64
	DeviceID   string
	Building   bool
}

// told gives what these hosts are told of; none means all.
func (s *Service) told(ctx context.Context, hosts ...string) (all []told, err error) {
	q := s.DB.Read().NewSelect().TableExpr("network_placements AS p").ColumnExpr("p.*, COALESCE(g.generation, 0) AS generation, COALESCE(port.device_id, '') AS device_id," +
		" COALESCE(port.status = 'BUILD', FALSE) AS building").
		Join("LEFT JOIN network_generations AS g ON g.id = p.id").Join("LEFT JOIN network_ports AS port ON port.id = p.id")
	if len(hosts) > 0 {
		q = q.Where("p.host IN (?)", bun.List(hosts))
	}
	return all, q.Scan(ctx, &all)
}

// checkPlacements compares what hosts need with what they are told, and what
// they are about to be told with the operations that do it.
func (s *Service) checkPlacements(ctx context.Context) ([]doctor.Finding, error) {
	missing, err := s.untold(ctx)
	if err != nil {
		return nil, err
	}
	idle, err := s.idle(ctx)
	if err != nil {
		return nil, err
	}
	late, err := s.forgotten(ctx)
	return append(append(missing, idle...), late...), err
}

// untoldSQL gives what hosts need and are not told of. A port or router that is
// brought to its host brings what it needs there itself.
const untoldSQL = `
	WITH coming AS (
		SELECT p.id, p.host_id, p.network_id FROM network_ports AS p LEFT JOIN network_placements AS pl ON pl.id = p.id AND pl.host = p.host_id
			WHERE p.host_id <> '' AND (p.status = 'BUILD' OR pl.pending)
		UNION ALL SELECT p.id, r.host_id, p.network_id FROM network_ports AS p JOIN network_routers AS r ON r.id = p.device_id
			JOIN network_placements AS pl ON pl.id = r.id AND pl.host = r.host_id WHERE pl.pending OR pl.applied = 0)
	SELECT id, host FROM network_needed EXCEPT SELECT id, host FROM network_placements
	EXCEPT SELECT network_id, host_id FROM coming
	EXCEPT SELECT m.group_id, c.host_id FROM coming AS c JOIN network_port_groups AS m ON m.port_id = c.id
	EXCEPT SELECT r.remote_group_id, c.host_id FROM coming AS c JOIN network_port_groups AS m ON m.port_id = c.id JOIN network_rules AS r ON r.group_id = m.group_id`

// untold finds what hosts need and are not told of.
func (s *Service) untold(ctx context.Context) (found []doctor.Finding, err error) {
	var all []struct{ ID, Host string }
	err = s.DB.Read().NewRaw(untoldSQL).Scan(ctx, &all)
	for _, n := range all {
		if _, ours := s.drivers.Get(n.Host); !ours {
			continue // a host elsewhere: a port may be bound to any
		}
		found = append(found, doctor.Finding{Object: n.ID + " on host " + n.Host, Says: "it is needed there, and the host is not told",
			Repair: func(ctx context.Context) error {
				return s.write(ctx, func(ctx context.Context, tx *store.Tx) error { return s.tell(ctx, tx, n.ID) })
			}})
	}
	return found, err
}

// tell has all hosts that need an object follow it.
func (s *Service) tell(ctx context.Context, tx *store.Tx, id string) error {
	p, err := store.Get[Port](ctx, tx, id)
	if err == nil {
		return s.placePort(ctx, tx, p)
	}
	if !store.IsNone(err) {
		return err
	}
	for kind, table := range map[object]string{objNetwork: "network_networks", objGroup: "network_groups", objRouter: "network_routers"} {
		is, err := tx.NewSelect().Table(table).Where("id = ?", id).Exists(ctx)
		if err != nil {
			return err
		}
		if is {
			return s.touch(ctx, tx, kind, id)
		}
	}
	return nil
}

// idle finds what hosts are told of and do not need any more.
func (s *Service) idle(ctx context.Context) (found []doctor.Finding, err error) {
	var all []placement
	err = s.DB.Read().NewRaw("SELECT p.* FROM network_placements AS p JOIN (SELECT id, host FROM network_placements WHERE NOT pending"+
		" EXCEPT SELECT id, host FROM network_needed) AS idle ON idle.id = p.id AND idle.host = p.host").Scan(ctx, &all)
	for _, pl := range all {
		found = append(found, doctor.Finding{Object: pl.name(), Says: "nothing needs it there any more", Repair: func(ctx context.Context) error {
			return s.write(ctx, func(ctx context.Context, tx *store.Tx) error { return s.follow(ctx, tx, pl) })
		}})
	}
	return found, err
}

func (pl placement) name() string { return string(pl.Kind) + " " + pl.ID + " on host " + pl.Host }

// follow starts the operation by which a host follows an object, whatever is
// said of there being one.
func (s *Service) follow(ctx context.Context, tx *store.Tx, pl placement) error {
	if err := raise(ctx, tx, pl.ID); err != nil {
		return err
	}
	pl.Pending = false
	return s.enqueue(ctx, tx, pl)
}

// forgotten finds changes that hosts are to follow and that nobody tells them.
func (s *Service) forgotten(ctx context.Context) (found []doctor.Finding, err error) {
	before, err := s.told(ctx)
	if err != nil {
		return nil, err
	}
	building := map[string]bool{} // hosts to which ports are brought, with what they need
	for _, p := range before {
		building[p.Host] = building[p.Host] || p.Building
	}
	suspects := map[string]told{}
	for _, p := range before {
		late := p.Applied < p.Generation && !s.hands.busy(p.key()) && !s.beats.away(p.Host) && (p.Kind == objPort || !building[p.Host])
		if p.Pending || p.Generation == 0 || late {
			suspects[p.key()] = p
		}
	}
	if len(suspects) == 0 {
		return nil, nil
	}
	ops, err := s.Ops.List(ctx)
	if err != nil {
		return nil, err
	}
	busy := map[string]bool{} // the keys of operations: placements, and servers
	for _, op := range ops {
		busy[op.Key] = true
	}
	now, err := s.told(ctx)
	for _, p := range now {
		if was, is := suspects[p.key()]; !is || busy[p.key()] || busy[p.DeviceID] || was.Generation != p.Generation || was.Pending != p.Pending || was.Applied != p.Applied {
			continue
		}
		found = append(found, doctor.Finding{Object: p.name(), Says: fmt.Sprintf("nobody tells the host of its change %d", p.Generation), Repair: func(ctx context.Context) error {
			return s.write(ctx, func(ctx context.Context, tx *store.Tx) error { return s.follow(ctx, tx, p.placement) })
		}})
	}
	return found, err
}
