// Package simnetwork is a host's networking in memory: the reference semantics
// of network.Driver, for tests, for trying things out without root, and for
// clouds with a thousand hosts in one process. It starts no goroutine and
// knows no time but its clock's.
//
//	host := simnetwork.New(simnetwork.NewState(), &simnetwork.Options{Name: "hv1"})
//
// Machines of one Underlay carry the networks that they share to each other;
// one from NewState is alone.
//
// State.Send puts a frame in and says where it comes out. A test delays calls
// (Options.Latency), makes them fail or hang (SetFault), and restarts the
// driver by making a new Host over the same State.
package simnetwork

import (
	"cmp"
	"context"
	"maps"
	"time"

	"github.com/google/uuid"

	"github.com/cumulite/cumulite/drivers/sim/fault"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
)

// Options are what is not the default of a Host.
type Options struct {
	Name  string      // "sim"
	Clock clock.Clock // the system's
	// Latency is how long a method takes before it does anything; nil: no time.
	Latency func(method string) time.Duration
}

// Host drives the networking of one simulated machine.
type Host struct {
	state *State
	life  string // of this driver
	o     Options
	seam  *fault.Seam
}

var _ network.Driver = (*Host)(nil)

// New gives a driver for the machine state. Only one Host at a time drives a State.
func New(state *State, opts *Options) *Host {
	var o Options
	if opts != nil {
		o = *opts
	}
	o.Name = cmp.Or(o.Name, "sim")
	if o.Clock == nil {
		o.Clock = clock.System()
	}
	return &Host{state: state, life: uuid.NewString(), o: o, seam: fault.NewSeam(o.Clock, o.Latency)}
}

// SetFault sets what happens at each step from now on; nil: nothing.
func (h *Host) SetFault(f fault.Func) { h.seam.Set(f) }

// Describe implements network.Driver.
func (h *Host) Describe(ctx context.Context) (network.Host, error) {
	_, err := h.seam.Enter(ctx, "describe", "")
	it := network.Host{
		Name: h.o.Name, Life: h.life, Technology: "sim", VIFType: "sim", IPv6: true, MaxMTU: maxMTU,
		NetworkTypes: []string{"local", "flat", "vlan", "vxlan"}, Tunnel: h.state.tunnel,
	}
	if it.Tunnel.IsValid() {
		it.TunnelMTU = maxMTU - tunnelling
	}
	return it, err
}

// maxMTU is that of the simulated machine's links, and tunnelling what of it a
// tunnel takes for itself.
const maxMTU, tunnelling = 9000, 50

// EnsureNetwork implements network.Driver.
func (h *Host) EnsureNetwork(ctx context.Context, spec network.NetworkSpec) error {
	return h.do(ctx, "ensure network", spec.ID, func(s *State) error {
		put(s.networks, spec.ID, spec, spec.Generation < s.networks[spec.ID].Generation)
		return nil
	})
}

// RemoveNetwork implements network.Driver.
func (h *Host) RemoveNetwork(ctx context.Context, id string) error {
	return h.do(ctx, "remove network", id, func(s *State) error { delete(s.networks, id); return nil })
}

// EnsurePort implements network.Driver.
func (h *Host) EnsurePort(ctx context.Context, spec network.PortSpec) (vif network.VIF, err error) {
	err = h.do(ctx, "ensure port", spec.ID, func(s *State) error {
		net, there := s.networks[spec.NetworkID]
		if !there {
			return errs.New(errs.Unavailable, "network %s of port %s is not known yet", spec.NetworkID, spec.ID)
		}
		put(s.ports, spec.ID, spec, spec.Generation < s.ports[spec.ID].Generation)
		vif = network.VIF{Type: "sim", Device: "tap" + short(spec.ID), Bridge: "br" + short(spec.NetworkID), MTU: net.MTU}
		return nil
	})
	return vif, err
}

// short makes the eleven letters that device names have room for.
func short(id string) string { return id[:min(len(id), 11)] }

// RemovePort implements network.Driver.
func (h *Host) RemovePort(ctx context.Context, id string) error {
	return h.do(ctx, "remove port", id, func(s *State) error {
		delete(s.ports, id)
		delete(s.metadata, id)
		maps.DeleteFunc(s.flows, func(f flow, _ bool) bool { return f.place == id })
		return nil
	})
}

// SetMetadata implements network.Driver.
func (h *Host) SetMetadata(ctx context.Context, portID string, doc network.Metadata) error {
	return h.do(ctx, "set metadata", portID, func(s *State) error {
		if _, there := s.ports[portID]; !there {
			return errs.New(errs.Unavailable, "port %s is not known yet", portID)
		}
		s.metadata[portID] = maps.Clone(doc.Files)
		return nil
	})
}

// EnsureGroup implements network.Driver.
func (h *Host) EnsureGroup(ctx context.Context, spec network.GroupSpec) error {
	return h.do(ctx, "ensure group", spec.ID, func(s *State) error {
		put(s.groups, spec.ID, spec, spec.Generation < s.groups[spec.ID].Generation)
		return nil
	})
}

// RemoveGroup implements network.Driver.
func (h *Host) RemoveGroup(ctx context.Context, id string) error {
	return h.do(ctx, "remove group", id, func(s *State) error { delete(s.groups, id); return nil })
}

// EnsureRouter implements network.Driver.
func (h *Host) EnsureRouter(ctx context.Context, spec network.RouterSpec) error {
	return h.do(ctx, "ensure router", spec.ID, func(s *State) error {
		put(s.routers, spec.ID, spec, spec.Generation < s.routers[spec.ID].Generation)
		return nil
	})
}

// RemoveRouter implements network.Driver.
func (h *Host) RemoveRouter(ctx context.Context, id string) error {
	return h.do(ctx, "remove router", id, func(s *State) error {
		delete(s.routers, id)
		maps.DeleteFunc(s.nat, func(k natKey, _ natEntry) bool { return k.router == id })
		return nil
	})
}

// Inventory implements network.Driver.
func (h *Host) Inventory(ctx context.Context) (network.Inventory, error) {
	if _, err := h.seam.Enter(ctx, "inventory", ""); err != nil {
		return network.Inventory{}, err
	}
	return h.state.inventory(), nil
}

func put[T any](all map[string]T, id string, spec T, late bool) {
	if !late {
		all[id] = spec
	}
}

// do is the frame of every changing call: fn works under the state's lock.
func (h *Host) do(ctx context.Context, method, id string, fn func(s *State) error) error {
	at, err := h.seam.Enter(ctx, method, id)
	if err != nil {
		return err
	}
	if err := h.state.with(fn); err != nil {
		return err
	}
	return h.seam.Pass(ctx, at, "end")
}
