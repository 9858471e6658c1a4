package compute

import (
	"context"
	"maps"
	"slices"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// compare holds the guests of a host against the servers that are recorded
// there: servers get the state of their guests, and guests of servers that
// were deleted while the host was away are removed. A host that hangs does not
// keep its watch from finding that out; what is left is done the next time.
func (s *Service) compare(ctx context.Context, host string, h Hypervisor) {
	bounded, cancel := context.WithTimeout(ctx, removeTimeout)
	defer cancel()
	if err := s.reconcile(bounded, host, h); err != nil && ctx.Err() == nil {
		s.log.Warn("a host's guests cannot be compared with the servers on it", "host", host, "error", err)
	}
}

// observing are the columns of servers that observed needs: there may be very
// many on a host, of which hardly any has changed.
var observing = []string{"id", "version", "vm_state", "task_state", "power_state", "launched_at", "host", "project_id", "user_id", "name", "image_id", "flavor_id"}

func (s *Service) reconcile(ctx context.Context, host string, h Hypervisor) error {
	// The rows are read before the guests: a server that changes in between
	// has another version, and is left alone.
	var list []Server
	if err := s.DB.Read().NewSelect().Model(&list).Column(observing...).Where("host = ?", host).Scan(ctx); err != nil {
		return err
	}
	guests, err := h.Guests(ctx)
	if err != nil {
		return err
	}
	power := make(map[string]PowerState, len(guests))
	for _, g := range guests {
		power[g.ID] = g.Power
	}
	for i := range list {
		is, there := power[list[i].ID]
		delete(power, list[i].ID)
		if err := s.observed(ctx, &list[i], is, there && is != NoState); err != nil {
			return err
		}
	}
	return s.removeStrangers(ctx, host, h, power)
}

// changed is told that a guest changed. When its server says otherwise the
// host is asked once more: what it told may be over by now.
func (s *Service) changed(ctx context.Context, host string, h Hypervisor, g Guest) {
	srv := new(Server)
	err := s.DB.Read().NewSelect().Model(srv).Column(observing...).Where("id = ?", g.ID).Scan(ctx)
	if err != nil || srv.Host != host || srv.Task != TaskNone || srv.State().Observe(g.Power) == srv.State() && srv.Power == g.Power {
		return
	}
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	guests, err := h.Guests(bounded)
	if err != nil {
		return // it is compared again when the host answers
	}
	i := slices.IndexFunc(guests, func(now Guest) bool { return now.ID == g.ID })
	if i < 0 {
		return
	}
	if err := s.observed(ctx, srv, guests[i].Power, guests[i].Power != NoState); err != nil && ctx.Err() == nil {
		s.log.Warn("a change of a guest cannot be noted", "server", g.ID, "error", err)
	}
}

// observed records what the guest of a server was seen to do. A server that
// was changed since its row was read keeps what it has.
func (s *Service) observed(ctx context.Context, srv *Server, power PowerState, there bool) error {
	if srv.Task != TaskNone {
		return nil
	}
	columns := []string{"power_state"}
	before := *srv
	switch {
	case there:
		srv.setState(srv.State().Observe(power))
		srv.Power = power
	case slices.Contains(settled, srv.VM):
		srv.Power = NoState
		columns = append(columns, s.fail(srv, errs.New(errs.Internal, "the guest is not on host %s any more", srv.Host))...)
	}
	if srv.State() == before.State() && srv.Power == before.Power {
		return nil
	}
	s.log.Info("a guest changed by itself", "server", srv.ID, "host", srv.Host, "power", power, "there", there, "state", srv.VM)
	err := s.DB.Serial(ctx, "compute.server."+srv.ID, func(ctx context.Context, tx *store.Tx) error {
		if err := s.save(ctx, tx, srv, columns...); err != nil {
			return err
		}
		return s.emit(ctx, tx, "updated", srv)
	})
	if store.IsNone(err) || errs.Is(err, errs.Conflict) {
		return nil // it was changed meanwhile
	}
	return err
}

// removeStrangers removes the guests of servers that were deleted, or given up,
// while the host was away. Guests that nothing is known of are let be: somebody
// may look for them.
func (s *Service) removeStrangers(ctx context.Context, host string, h Hypervisor, strangers map[string]PowerState) error {
	known, err := s.whereabouts(ctx, slices.Collect(maps.Keys(strangers)))
	if err != nil {
		return err
	}
	for id, srv := range known {
		if srv.at(host) {
			continue // it came here since
		}
		s.log.Warn("a guest that was left behind is removed", "server", id, "host", host)
		if err := s.removeStranger(ctx, host, h, id); err != nil {
			return err
		}
	}
	if unknown := len(strangers) - len(known); unknown > 0 {
		s.log.Warn("there are guests that belong to no server", "host", host, "guests", unknown)
	}
	return nil
}
