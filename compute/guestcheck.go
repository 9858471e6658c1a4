package compute

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/doctor"
	"github.com/cumulite/cumulite/platform/errs"
)

// checkGuests compares the guests of all hosts with the servers on them, all
// at once and for a few seconds at most.
func (s *Service) checkGuests(ctx context.Context) ([]doctor.Finding, error) {
	on, err := s.residents(ctx)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var found []doctor.Finding
	for host := range on {
		if _, can := s.hosts.Get(host); !can {
			found = append(found, doctor.Finding{Object: "host " + host, Says: "it cannot be asked from here: its guests are not known", Unknown: true})
		}
	}
	s.hosts.Each(func(host string, h Hypervisor) {
		some, failed := s.checkHost(ctx, host, h, on[host])
		mu.Lock()
		defer mu.Unlock()
		found = append(found, some...)
		if err == nil {
			err = failed
		}
	})
	return found, err
}

// residents gives the servers of each host by their ids. They are read before
// the guests: those of servers that come later are looked up.
func (s *Service) residents(ctx context.Context) (map[string]map[string]Server, error) {
	var list []Server
	err := s.DB.Read().NewSelect().Model(&list).Column("id", "version", "host", "vm_state", "task_state").Where("host <> ''").Scan(ctx)
	on := map[string]map[string]Server{}
	for _, srv := range list {
		if on[srv.Host] == nil {
			on[srv.Host] = map[string]Server{}
		}
		on[srv.Host][srv.ID] = srv
	}
	return on, err
}

// checkHost compares the guests of one host.
func (s *Service) checkHost(ctx context.Context, host string, h Hypervisor, servers map[string]Server) ([]doctor.Finding, error) {
	guests, err := s.guestsOf(ctx, h)
	if err != nil {
		return []doctor.Finding{{Object: "host " + host, Says: "it does not answer: its guests are not known", Unknown: true}}, nil //nolint:nilerr // it is said
	}
	var suspects []suspect
	for id, srv := range servers {
		if !guests[id] && srv.Task == TaskNone && slices.Contains(settled, srv.VM) {
			suspects = append(suspects, suspect{srv, doctor.Finding{Object: "server " + id, Says: "its guest is not on host " + host,
				Repair: func(ctx context.Context) error { return s.bringBack(ctx, srv, h) }}})
		}
	}
	found, err := s.unchanged(ctx, suspects)
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(guests, func(id string, _ bool) bool { return servers[id].ID != "" })
	strangers, err := s.strangers(ctx, host, h, guests)
	return append(found, strangers...), err
}

// guestsOf gives the ids of a host's guests, false for those that are half there.
func (s *Service) guestsOf(ctx context.Context, h Hypervisor) (map[string]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	list, err := h.Guests(ctx)
	ids := make(map[string]bool, len(list))
	for _, g := range list {
		ids[g.ID] = g.Power != NoState
	}
	return ids, err
}

// bringBack starts the guest of a running server anew, over the disks that the
// host still has. Where it has none, the server is in VMError and says why.
func (s *Service) bringBack(ctx context.Context, was Server, h Hypervisor) error {
	guests, err := s.guestsOf(ctx, h)
	if err != nil || guests[was.ID] {
		return err
	}
	if still, err := s.still(ctx, was); err != nil || !still {
		return err
	}
	srv, err := s.server(ctx, was.ID)
	if err != nil {
		return err
	}
	if srv.VM == VMActive {
		spec, err := s.plugged(ctx, srv)
		if err == nil {
			err = h.Start(ctx, "", spec)
		}
		if err == nil || errs.Transient(err) {
			return err
		}
		s.log.Warn("a guest that was gone cannot be started again", "server", srv.ID, "error", err)
	}
	return s.observed(ctx, srv, NoState, false)
}

// strangers finds which of a host's guests are of servers that are not there,
// or not at all.
func (s *Service) strangers(ctx context.Context, host string, h Hypervisor, guests map[string]bool) (found []doctor.Finding, err error) {
	known, err := s.whereabouts(ctx, slices.Collect(maps.Keys(guests)))
	for id := range guests {
		f := doctor.Finding{Object: "guest " + id, Says: "it is on host " + host + ", and its server is not"}
		srv, is := known[id]
		switch {
		case !is:
			f.Says = fmt.Sprintf("it is on host %s, and nothing is known of its server: somebody may miss it, so remove it there by hand", host)
		case srv.at(host):
			continue
		default:
			f.Repair = func(ctx context.Context) error { return s.removeStranger(ctx, host, h, id) }
		}
		found = append(found, f)
	}
	return found, err
}

// at tells whether a server may have a guest on a host.
func (s *Server) at(host string) bool { return s.Host == host && s.VM != VMDeleted }

func (s *Service) removeStranger(ctx context.Context, host string, h Hypervisor, id string) error {
	known, err := s.whereabouts(ctx, []string{id})
	if srv := known[id]; err != nil || srv.ID == "" || srv.at(host) {
		return err
	}
	return h.Remove(ctx, "", id)
}

// whereabouts gives what is known of servers: those that are and that were.
func (s *Service) whereabouts(ctx context.Context, ids []string) (map[string]Server, error) {
	known := make(map[string]Server, len(ids))
	for some := range slices.Chunk(ids, atOnce) {
		var list []Server
		err := s.DB.Read().NewSelect().Model(&list).ModelTableExpr("compute_known_servers AS server").
			Column("id", "host", "vm_state").Where("id IN (?)", bun.List(some)).Scan(ctx)
		if err != nil {
			return nil, err
		}
		for _, srv := range list {
			known[srv.ID] = srv
		}
	}
	return known, nil
}

// atOnce is how many suspects are looked up with one query.
const atOnce = 500

// suspect is a server of which something does not seem to hold, with its
// version when that was read.
type suspect struct {
	server  Server
	finding doctor.Finding
}

// unchanged gives the findings of those that were not changed since, and that
// no operation has in hand: what was read of them before and after is of one
// moment.
func (s *Service) unchanged(ctx context.Context, suspects []suspect) (found []doctor.Finding, err error) {
	if len(suspects) == 0 {
		return nil, nil
	}
	busy, err := s.busy(ctx)
	if err != nil {
		return nil, err
	}
	for some := range slices.Chunk(suspects, atOnce) {
		ids := make([]string, len(some))
		for i := range some {
			ids[i] = some[i].server.ID
		}
		var now []Server
		if err := s.DB.Read().NewSelect().Model(&now).Column("id", "version").Where("id IN (?)", bun.List(ids)).Scan(ctx); err != nil {
			return nil, err
		}
		version := map[string]int64{}
		for i := range now {
			version[now[i].ID] = now[i].Version
		}
		for _, it := range some {
			if at, there := version[it.server.ID]; there && at == it.server.Version && !busy[it.server.ID] {
				found = append(found, it.finding)
			}
		}
	}
	return found, nil
}

// busy gives the servers that operations have in hand, or are about to.
func (s *Service) busy(ctx context.Context) (map[string]bool, error) {
	ops, err := s.Ops.List(ctx)
	busy := make(map[string]bool, len(ops))
	for _, op := range ops {
		busy[op.Key] = true
	}
	return busy, err
}

// still tells whether a server is as it was read, and no operation has it in
// hand: what a repair asks first.
func (s *Service) still(ctx context.Context, was Server) (bool, error) {
	found, err := s.unchanged(ctx, []suspect{{server: was}})
	return len(found) > 0, err
}

// checkTasks finds servers that are in between without an operation.
func (s *Service) checkTasks(ctx context.Context) ([]doctor.Finding, error) {
	list, err := s.unattended(ctx)
	found := make([]doctor.Finding, len(list))
	for i, srv := range list {
		says := "nobody goes on with its task " + string(srv.Task)
		if srv.Task == TaskNone {
			says = "nobody builds it"
		}
		found[i] = doctor.Finding{Object: "server " + srv.ID, Says: says, Repair: func(ctx context.Context) error {
			return s.settleThose(ctx, []Server{srv})
		}}
	}
	return found, err
}
