package fleet

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/cumulite/cumulite/cloud/fleet/join"
	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/compute/computerpc"
	"github.com/cumulite/cumulite/network/networkrpc"
	"github.com/cumulite/cumulite/platform/errs"
)

const (
	followEvery = time.Second
	team        = "fleet.controllers"
)

// Run follows who joins and who is revoked, with any controller, until ctx is
// done, and tells the other controllers where this one is.
func (f *Fleet) Run(ctx context.Context) error {
	var joined sync.WaitGroup
	if f.Leases != nil {
		joined.Go(func() { f.enlist(ctx) })
	}
	defer joined.Wait()
	for ctx.Err() == nil {
		if err := f.follow(ctx); err != nil && ctx.Err() == nil {
			f.log.Warn("what is known of hosts and controllers may be old", "error", err)
		}
		f.pause(ctx)
	}
	return nil
}

// enlist makes this controller one that the others and the hosts know.
func (f *Fleet) enlist(ctx context.Context) {
	data, _ := json.Marshal(f.self()) // strings always encode
	if err := f.Leases.Join(ctx, team, string(data)); err != nil && ctx.Err() == nil {
		f.log.Error("other controllers do not know of this one", "error", err)
	}
}

// pause waits until it is due to look again, or hosts have changed.
func (f *Fleet) pause(ctx context.Context) {
	due, stop := f.Clock.At(f.Clock.Now().Add(followEvery))
	defer stop()
	select {
	case <-due:
	case <-f.wake:
	case <-ctx.Done():
	}
}

// changed has Run look at once.
func (f *Fleet) changed() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// follow has the services know just the hosts that are let in, and the server
// the controllers that live.
func (f *Fleet) follow(ctx context.Context) error {
	hosts, err := f.Hosts(ctx)
	if err != nil {
		return err
	}
	admitted := map[string]string{}
	for _, h := range hosts {
		if h.RevokedAt == nil {
			admitted[h.Name] = h.NKey
		}
	}
	for name := range f.known {
		if admitted[name] == f.known[name] {
			continue
		}
		if err := f.take(ctx, name, admitted[name] != ""); err != nil {
			return err
		}
	}
	for name, nkey := range admitted {
		if f.known[name] == nkey {
			continue
		}
		if err := f.give(ctx, name); err != nil {
			return err
		}
		f.known[name] = nkey
	}
	return f.followControllers(ctx)
}

// give has the services call a host. Those of its abilities that it does not
// have it refuses.
func (f *Fleet) give(ctx context.Context, name string) error {
	host := patient{f, name, f.server.Host(name)}
	if err := f.Network.AddHost(ctx, name, networkrpc.Client(host)); err != nil {
		return err
	}
	return f.Compute.AddHost(ctx, name, computerpc.Client(host, []compute.Ability{compute.CanSuspend, compute.CanWatch}))
}

// take disconnects a host, and takes it from the services unless another
// machine stands for it now.
func (f *Fleet) take(ctx context.Context, name string, replaced bool) error {
	if err := f.server.Drop(name); err != nil {
		return err
	}
	if !replaced {
		if err := f.Compute.RemoveHost(ctx, name); err != nil {
			return err
		}
		if err := f.Network.RemoveHost(ctx, name); err != nil {
			return err
		}
	}
	delete(f.known, name)
	return nil
}

func (f *Fleet) followControllers(ctx context.Context) error {
	if f.Leases == nil {
		return nil
	}
	members, err := f.Leases.Members(ctx, team)
	if err != nil {
		return err
	}
	all := []join.Controller{f.self()}
	for _, m := range members {
		var c join.Controller
		if err := json.Unmarshal([]byte(m.Data), &c); err != nil {
			return errs.Wrap(err, "the controller %s", m.Holder)
		}
		if c != all[0] {
			all = append(all, c)
		}
	}
	f.mu.Lock()
	f.controllers = all
	f.mu.Unlock()
	return f.server.SetPeers(join.Of(all, func(c join.Controller) string { return c.Routes }))
}

// self is this controller as others know it.
func (f *Fleet) self() join.Controller { return f.living()[0] }

// living are the controllers that live, this one first.
func (f *Fleet) living() []join.Controller {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.controllers
}
