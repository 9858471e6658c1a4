package network

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// bring makes an object on a host what its rows say, or takes it away when
// they want it there no more, and tells which generation that was. It may be
// called at any time and by many: the host sees one call after the other. A
// host that is known not to answer is not called.
func (s *Service) bring(ctx context.Context, pl placement) (brought int64, gone bool, err error) {
	done, err := s.hands.take(ctx, pl.key())
	if err != nil {
		return 0, false, err
	}
	defer done()
	driver, err := s.driver(ctx, pl.Host)
	if errs.Is(err, errs.NotFound) { // the host is no more
		brought, err = generation(ctx, s.DB.Read(), pl.ID)
		return brought, true, err
	}
	if err != nil {
		return 0, false, err
	}
	if s.beats.away(pl.Host) {
		return 0, false, errs.New(errs.Unavailable, "The host does not answer.")
	}
	spec, err := s.spec(ctx, pl)
	if err != nil {
		return 0, false, err
	}
	return spec.generation, spec.gone, spec.send(ctx, driver)
}

// spec is what a host shall make of an object.
type spec struct {
	generation int64
	gone       bool
	send       func(ctx context.Context, d Driver) error
}

// spec reads what a host shall make of an object. The generation is read
// first: what changes in between is brought again, under a later one.
func (s *Service) spec(ctx context.Context, pl placement) (sp spec, err error) {
	db := s.DB.Read()
	if sp.generation, err = generation(ctx, db, pl.ID); err != nil {
		return sp, err
	}
	hosts, err := s.wanted(ctx, db, pl.ID)
	if err != nil {
		return sp, err
	}
	there := slices.Contains(hosts, pl.Host)
	if there {
		there, err = s.ensuring(ctx, pl, &sp)
	}
	if err == nil && !there {
		sp.gone, sp.send = true, removing(pl)
	}
	return sp, err
}

// ensuring fills sp with the call that makes the object; false when there is none.
func (s *Service) ensuring(ctx context.Context, pl placement, sp *spec) (there bool, err error) {
	db, call := s.DB.Read(), uuid.NewString()
	switch pl.Kind {
	case objNetwork:
		var n NetworkSpec
		n, there, err = networkSpec(ctx, db, pl.ID, pl.Host)
		n.Operation, n.Generation = call, sp.generation
		sp.send = func(ctx context.Context, d Driver) error { return d.EnsureNetwork(ctx, n) }
	case objGroup:
		var g GroupSpec
		g, there, err = groupSpec(ctx, db, pl.ID)
		g.Operation, g.Generation = call, sp.generation
		sp.send = func(ctx context.Context, d Driver) error { return d.EnsureGroup(ctx, g) }
	case objRouter:
		var r RouterSpec
		r, there, err = routerSpec(ctx, db, pl.ID)
		r.Operation, r.Generation = call, sp.generation
		sp.send = func(ctx context.Context, d Driver) error { return s.sendRouter(ctx, d, pl.Host, r) }
	case objPort:
		var p PortSpec
		p, there, err = portSpec(ctx, db, pl.ID)
		p.Operation, p.Generation = call, sp.generation
		sp.send = func(ctx context.Context, d Driver) error { return s.sendPort(ctx, d, pl.Host, p) }
	}
	return there, err
}

func removing(pl placement) func(ctx context.Context, d Driver) error {
	return func(ctx context.Context, d Driver) error {
		switch pl.Kind {
		case objNetwork:
			return d.RemoveNetwork(ctx, pl.ID)
		case objGroup:
			return d.RemoveGroup(ctx, pl.ID)
		case objRouter:
			return d.RemoveRouter(ctx, pl.ID)
		}
		return d.RemovePort(ctx, pl.ID)
	}
}

// sendRouter makes a router, on networks that are there before.
func (s *Service) sendRouter(ctx context.Context, d Driver, host string, r RouterSpec) error {
	for _, leg := range r.legs() {
		if err := s.bringMissing(ctx, placement{Kind: objNetwork, ID: leg.NetworkID, Host: host}); err != nil {
			return err
		}
	}
	if err := d.EnsureRouter(ctx, r); err != nil {
		return err
	}
	return s.routerApplied(ctx, r)
}

// sendPort makes a port, on a network and with groups that are there before,
// gives it its metadata, and takes note where it is.
func (s *Service) sendPort(ctx context.Context, d Driver, host string, p PortSpec) error {
	if err := s.bringMissing(ctx, placement{Kind: objNetwork, ID: p.NetworkID, Host: host}); err != nil {
		return err
	}
	need, err := groupsForPort(ctx, s.DB.Read(), p.ID)
	if err != nil {
		return err
	}
	for _, id := range need {
		if err := s.bringGroup(ctx, placement{Kind: objGroup, ID: id, Host: host}); err != nil {
			return err
		}
	}
	vif, err := d.EnsurePort(ctx, p)
	if err != nil {
		return err
	}
	if err := s.sendMetadata(ctx, d, p.ID); err != nil {
		return err
	}
	return s.portApplied(ctx, p, host, vif)
}

// bringGroup brings a group to a host that has no port of it at work. With
// one it is there, nothing takes it away, and an operation has the host learn
// of a new member: no port waits until all are told of it.
func (s *Service) bringGroup(ctx context.Context, pl placement) error {
	var there bool
	err := s.DB.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM network_placements AS g JOIN network_port_groups AS m ON m.group_id = g.id
		JOIN network_ports AS p ON p.id = m.port_id WHERE g.id = ? AND g.host = ? AND g.applied > 0 AND p.host_id = g.host AND p.status = ?)`,
		pl.ID, pl.Host, PortActive).Scan(&there)
	if err != nil || there {
		return err
	}
	return s.bringMissing(ctx, pl)
}

// bringMissing brings an object to a host that does not have its generation.
func (s *Service) bringMissing(ctx context.Context, pl placement) error {
	has, err := s.has(ctx, s.DB.Read(), pl)
	if err != nil || has {
		return err
	}
	if err := s.write(ctx, func(ctx context.Context, tx *store.Tx) error { return s.settle(ctx, tx, pl) }); err != nil {
		return err
	}
	generation, gone, err := s.bring(ctx, pl)
	if err != nil || gone {
		return err
	}
	return s.write(ctx, func(ctx context.Context, tx *store.Tx) error { return arrived(ctx, tx, pl, generation) })
}

// settle takes note that an object comes to a host to stay. An operation that
// is about to take it away must begin anew.
func (s *Service) settle(ctx context.Context, tx *store.Tx, pl placement) error {
	var there []placement
	if err := tx.NewSelect().Model(&there).Where("id = ? AND host = ?", pl.ID, pl.Host).Scan(ctx); err != nil {
		return err
	}
	if err := place(ctx, tx, pl); err != nil {
		return err
	}
	if len(there) == 0 {
		if err := s.spread(ctx, tx, pl); err != nil {
			return err
		}
	}
	leaving := len(there) > 0 && there[0].Pending
	if known, err := generation(ctx, tx, pl.ID); err != nil || known > 0 && !leaving {
		return err
	}
	return raise(ctx, tx, pl.ID)
}

// has tells whether a host has an object's generation, and keeps it.
func (s *Service) has(ctx context.Context, db bun.IDB, pl placement) (bool, error) {
	return db.NewSelect().TableExpr("network_placements AS p").Join("JOIN network_generations AS g ON g.id = p.id").
		Where("p.id = ? AND p.host = ? AND NOT p.pending AND p.applied >= g.generation", pl.ID, pl.Host).Exists(ctx)
}

func (inv Inventory) of(kind object) map[string]int64 {
	switch kind {
	case objNetwork:
		return inv.Networks
	case objGroup:
		return inv.Groups
	case objRouter:
		return inv.Routers
	}
	return inv.Ports
}

// portApplied takes note that a port is at work.
func (s *Service) portApplied(ctx context.Context, spec PortSpec, host string, vif VIF) error {
	return s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := arrived(ctx, tx, placement{ID: spec.ID, Host: host}, spec.Generation); err != nil {
			return err
		}
		p, err := store.Get[Port](ctx, tx, spec.ID)
		if store.IsNone(err) {
			return nil
		}
		if err != nil {
			return err
		}
		status := PortActive
		if !p.AdminStateUp {
			status = PortDown
		}
		if p.Host != host || p.Status == status && p.VIF == vif {
			return nil
		}
		p.Status, p.VIF = status, vif
		return ports.update(ctx, s, tx, p, "status", "vif")
	})
}

// sendMetadata has the host answer a guest's questions for its metadata.
func (s *Service) sendMetadata(ctx context.Context, d Driver, portID string) error {
	p, err := store.Get[Port](ctx, s.DB.Read(), portID)
	if store.IsNone(err) {
		return nil
	}
	if err != nil || s.metadata == nil || !strings.HasPrefix(p.DeviceOwner, OwnerCompute) || p.DeviceID == "" {
		return err
	}
	rows := []Port{*p}
	if err := ports.load(ctx, s.DB.Read(), rows); err != nil {
		return err
	}
	doc, err := s.metadata(auth.AsService(ctx, "network"), &rows[0])
	if errs.Is(err, errs.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return d.SetMetadata(ctx, portID, doc)
}
