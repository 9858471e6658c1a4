package network

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/flow"
	"github.com/cumulite/cumulite/platform/store"
)

// object is a kind of thing that hosts hold.
type object string

// What hosts hold, in the order in which it is made.
const (
	objNetwork object = "network"
	objGroup   object = "group"
	objRouter  object = "router"
	objPort    object = "port"
)

// placement says that an object is on a host, or is about to be, or must go.
type placement struct {
	bun.BaseModel `bun:"table:network_placements,alias:placement"`
	ID            string `bun:"id,pk"`
	Host          string `bun:"host,pk"`
	Kind          object `bun:"kind,notnull"`
	NetworkID     string `bun:"network_id,notnull"` // of ports
	Pending       bool   `bun:"pending,notnull"`
	Applied       int64  `bun:"applied,notnull"`
}

func (pl placement) key() string { return string(pl.Kind) + "/" + pl.ID + "@" + pl.Host }

// applyArgs are those of the operation that has one host follow one object.
type applyArgs struct {
	Kind object `json:"kind"`
	ID   string `json:"id"`
	Host string `json:"host"`
	// What was brought to the host last.
	Generation int64 `json:"generation"`
	Gone       bool  `json:"gone"`
}

func (a applyArgs) placement() placement { return placement{ID: a.ID, Host: a.Host, Kind: a.Kind} }

// applyTimeout is how long a host may take for one attempt.
const applyTimeout = 2 * time.Minute

// applyOperation has a host follow an object: there is one of them for each
// object and host at most, however often the object changes meanwhile. It is
// tried until the host has what the rows say.
func (s *Service) applyOperation() flow.Operation[applyArgs] {
	return flow.Operation[applyArgs]{
		Kind: "network.apply", Forward: true, Deadline: applyTimeout,
		Steps: []flow.Step[applyArgs]{{Name: "bring", Do: func(ctx context.Context, r *flow.Run[applyArgs]) (err error) {
			r.Args.Generation, r.Args.Gone, err = s.bring(ctx, r.Args.placement())
			return retried(err)
		}}},
		Done: s.applied,
	}
}

// retried makes an error one that is worth another attempt: what a host
// cannot do today it may be able to after the object changed again.
func retried(err error) error {
	if err == nil || errs.Transient(err) {
		return err
	}
	return errs.New(errs.Unavailable, "The host has not taken over the change yet.").Because(err)
}

// applied ends an operation, or begins it anew when the object changed meanwhile.
func (s *Service) applied(ctx context.Context, tx *store.Tx, r *flow.Run[applyArgs]) error {
	if err := tx.Lock(ctx, "network"); err != nil {
		return err
	}
	current, err := generation(ctx, tx, r.Args.ID)
	if err != nil {
		return err
	}
	if current != r.Args.Generation {
		_, err := s.apply.Start(ctx, tx, r.Key, applyArgs{Kind: r.Args.Kind, ID: r.Args.ID, Host: r.Args.Host})
		return err
	}
	if r.Args.Gone {
		return s.forget(ctx, tx, r.Args.placement())
	}
	_, err = tx.Exec(ctx, "UPDATE network_placements SET pending = ?, applied = ? WHERE id = ? AND host = ?", false, current, r.Args.ID, r.Args.Host)
	if err != nil {
		return err
	}
	return s.sweep(ctx, tx, r.Args.placement())
}

// arrived takes note which generation of an object a host took over.
func arrived(ctx context.Context, tx *store.Tx, pl placement, generation int64) error {
	_, err := tx.Exec(ctx, "UPDATE network_placements SET applied = ? WHERE id = ? AND host = ? AND applied < ?", generation, pl.ID, pl.Host, generation)
	return err
}

// forget takes note that an object is not on a host any more, and has what is
// of no more use there follow it.
func (s *Service) forget(ctx context.Context, tx *store.Tx, pl placement) error {
	if _, err := tx.Exec(ctx, "DELETE FROM network_placements WHERE id = ? AND host = ?", pl.ID, pl.Host); err != nil {
		return err
	}
	if err := s.sweep(ctx, tx, pl); err != nil {
		return err
	}
	if pl.Kind == objNetwork {
		if err := first(s.spread(ctx, tx, pl), releaseSegment(ctx, tx, pl.ID)); err != nil {
			return err
		}
	}
	return forgetGeneration(ctx, tx, pl.ID)
}

// forgetGeneration drops the generation of an object that is no more, once no host has it.
func forgetGeneration(ctx context.Context, tx *store.Tx, id string) error {
	_, err := tx.Exec(ctx, "DELETE FROM network_generations WHERE id = ? AND NOT EXISTS (SELECT 1 FROM network_placements AS p WHERE p.id = network_generations.id)"+
		" AND NOT EXISTS (SELECT 1 FROM network_objects AS o WHERE o.id = network_generations.id)", id)
	return err
}

// sweep removes networks and groups from a host that nothing on it needs any
// more after a port, a router or a rule of a group there changed.
func (s *Service) sweep(ctx context.Context, tx *store.Tx, changed placement) error {
	if changed.Kind == objNetwork {
		return nil
	}
	idle, err := idleOn(ctx, tx, changed.Host)
	if err != nil {
		return err
	}
	for _, pl := range idle {
		if err := s.enqueue(ctx, tx, pl); err != nil {
			return err
		}
	}
	return nil
}

// idleOn gives the networks and groups that nothing on a host needs and that
// no operation is about to take away.
func idleOn(ctx context.Context, db bun.IDB, host string) (idle []placement, err error) {
	return idle, db.NewSelect().Model(&idle).Where("host = ? AND kind IN (?, ?) AND NOT pending", host, objNetwork, objGroup).
		Where("NOT EXISTS (SELECT 1 FROM network_needed AS n WHERE n.id = placement.id AND n.host = placement.host)").Scan(ctx)
}

// sweepHost takes away what was brought to a host for something that had gone
// before it arrived.
func (s *Service) sweepHost(ctx context.Context, host string) error {
	idle, err := idleOn(ctx, s.DB.Read(), host)
	if err != nil || len(idle) == 0 {
		return err
	}
	return s.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		return s.sweep(ctx, tx, placement{Kind: objPort, Host: host})
	})
}

// touch has the hosts that need an object follow a change of it, and those
// that have it follow its end. It is called in the transaction that makes the
// change.
func (s *Service) touch(ctx context.Context, tx *store.Tx, kind object, id string) error {
	hosts, err := s.wanted(ctx, tx, id)
	if err != nil {
		return err
	}
	for _, host := range hosts {
		if err := place(ctx, tx, placement{ID: id, Host: host, Kind: kind}); err != nil {
			return err
		}
	}
	return s.touchPlaced(ctx, tx, id)
}

// touchPlaced is touch for changes that cannot bring an object to more hosts.
func (s *Service) touchPlaced(ctx context.Context, tx *store.Tx, id string) error {
	var there []placement
	if err := tx.NewSelect().Model(&there).Where("id = ?", id).Scan(ctx); err != nil {
		return err
	}
	if len(there) == 0 {
		return forgetGeneration(ctx, tx, id)
	}
	if err := raise(ctx, tx, id); err != nil {
		return err
	}
	for _, pl := range there {
		if err := s.enqueue(ctx, tx, pl); err != nil {
			return err
		}
	}
	return nil
}

// enqueue starts the operation that has a host follow an object, unless there is one.
func (s *Service) enqueue(ctx context.Context, tx *store.Tx, pl placement) error {
	if pl.Pending {
		return nil
	}
	pl.Pending = true
	if err := place(ctx, tx, pl); err != nil {
		return err
	}
	_, err := s.apply.Start(ctx, tx, pl.key(), applyArgs{Kind: pl.Kind, ID: pl.ID, Host: pl.Host})
	return err
}

// place takes note that an object is about to be on a host.
func place(ctx context.Context, tx *store.Tx, pl placement) error {
	_, err := tx.Exec(ctx, "INSERT INTO network_placements (id, host, kind, network_id, pending, applied) VALUES (?, ?, ?, ?, ?, 0)"+
		" ON CONFLICT (id, host) DO UPDATE SET pending = network_placements.pending OR excluded.pending", pl.ID, pl.Host, pl.Kind, pl.NetworkID, pl.Pending)
	return err
}

// raise gives an object its next generation.
func raise(ctx context.Context, tx *store.Tx, id string) error {
	_, err := tx.Exec(ctx, "INSERT INTO network_generations (id, generation) VALUES (?, 1)"+
		" ON CONFLICT (id) DO UPDATE SET generation = network_generations.generation + 1", id)
	return err
}

// generation gives an object's generation; 0 when it was on no host yet.
func generation(ctx context.Context, db bun.IDB, id string) (n int64, err error) {
	err = db.NewSelect().TableExpr("network_generations").Column("generation").Where("id = ?", id).Scan(ctx, &n)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return n, err
}

// wanted gives the hosts that need an object.
func (s *Service) wanted(ctx context.Context, db bun.IDB, id string) (hosts []string, err error) {
	var needing []string
	if err := db.NewRaw("SELECT DISTINCT host FROM network_needed WHERE id = ?", id).Scan(ctx, &needing); err != nil {
		return nil, err
	}
	for _, h := range needing {
		is, err := s.isHost(ctx, db, h)
		if err != nil {
			return nil, err
		}
		if is {
			hosts = append(hosts, h)
		}
	}
	return hosts, nil
}
