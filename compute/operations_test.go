package compute_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/event"
	"github.com/cumulite/cumulite/platform/flow"
	"github.com/cumulite/cumulite/platform/flow/flowtest"
	"github.com/cumulite/cumulite/platform/store"
)

// TestOperations runs every operation with each step twice, failing at each
// step, undone twice, and killed between any two steps.
func TestOperations(t *testing.T) {
	flowtest.Run(t, func(t *testing.T) flowtest.Harness {
		w := worldAt(t, clock.System())
		o := &operationWorld{world: w, t: t}
		return flowtest.Harness{
			Engine:   func(opts *flow.Options) *flow.Engine { return w.start(t, opts) },
			Snapshot: o.snapshot,
			Cases:    o.cases(),
		}
	})
}

type operationWorld struct {
	*world
	t  *testing.T
	id string // of the server
}

func (o *operationWorld) cases() map[string]flowtest.Case {
	guest := func(name string) bool { return slices.Contains([]string{"server", "guest", "guests"}, name) }
	cases := map[string]flowtest.Case{
		"compute.server.create": {Prepare: o.nothing, Start: o.create, Stays: func(name string) bool { return name == "server" || name == "quota" }},
		"compute.server.delete": {Prepare: o.running(), Start: func(context.Context) error { return o.DeleteServer(member(o.t), o.id) }},
		"compute.server.rebuild": {Prepare: o.running(), Stays: guest, Start: func(context.Context) error {
			_, err := o.RebuildServer(member(o.t), o.id, compute.RebuildServer{ImageID: o.image})
			return err
		}},
		"compute.server.attach_interface": {Prepare: o.running(), Start: o.attach},
		"compute.server.detach_interface": {Prepare: o.running(), Start: o.detach},
		"compute.server.release_port": {Prepare: o.running(), Start: func(context.Context) error {
			return o.ReleasePort(member(o.t), o.id, o.get(o.t, o.id).Interfaces[0])
		}},
		"compute.server.forget_port": {Prepare: o.running(), Start: func(ctx context.Context) error {
			return o.PortDeleted(ctx, event.Event{Resource: o.get(o.t, o.id).Interfaces[0].PortID, Payload: []byte(`{"device_id": "` + o.id + `"}`)})
		}},
		"compute.server.refresh_metadata": {Prepare: o.running(), Stays: guest, Start: func(context.Context) error {
			_, err := o.AddServerMetadata(member(o.t), o.id, map[string]string{"a": "b"})
			return err
		}},
	}
	for kind, p := range map[string]struct {
		action compute.ServerAction
		first  []compute.ServerAction
	}{
		"start": {compute.DoStart, []compute.ServerAction{compute.DoStop}}, "stop": {compute.DoStop, nil}, "reboot": {compute.DoReboot, nil}, "reboot_hard": {compute.DoHardReboot, nil},
		"pause": {compute.DoPause, nil}, "unpause": {compute.DoUnpause, []compute.ServerAction{compute.DoPause}},
		"suspend": {compute.DoSuspend, nil}, "resume": {compute.DoResume, []compute.ServerAction{compute.DoSuspend}},
	} {
		cases["compute.server."+kind] = flowtest.Case{Stays: guest,
			Prepare: o.running(p.first...),
			Start:   func(context.Context) error { return o.ChangePower(member(o.t), o.id, p.action) },
		}
	}
	return cases
}

func (o *operationWorld) nothing(context.Context) error { o.request(o.t); return nil }

func (o *operationWorld) create(context.Context) error {
	made, err := o.CreateServer(member(o.t), o.request(o.t))
	if err == nil {
		o.id = made[0].ID
	}
	return err
}

// running makes a server and does these actions to it.
func (o *operationWorld) running(first ...compute.ServerAction) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := o.create(ctx); err != nil {
			return err
		}
		o.idle(o.t)
		for _, action := range first {
			if err := o.ChangePower(member(o.t), o.id, action); err != nil {
				return err
			}
			o.idle(o.t)
		}
		return nil
	}
}

// attach starts to attach an interface without waiting for the end of it.
func (o *operationWorld) attach(context.Context) error {
	ctx, cancel := context.WithCancel(member(o.t))
	o.t.Cleanup(cancel)
	go func() { _, _ = o.AttachInterface(ctx, o.id, compute.AttachInterface{NetworkID: o.netID}) }()
	synctest.Wait()
	return nil
}

func (o *operationWorld) detach(context.Context) error {
	return o.DetachInterface(member(o.t), o.id, o.get(o.t, o.id).Interfaces[0].PortID)
}

// snapshot tells of all that operations change.
func (o *operationWorld) snapshot() map[string]string {
	state := o.states["hv1"]
	all := map[string]string{"guests": fmt.Sprint(len(state.Leftovers())), "quota": fmt.Sprint(o.used(o.t, "instances"), o.used(o.t, "cores"), o.used(o.t, "ram"))}
	var ports []string
	for _, p := range o.ports(o.t) {
		_, real := o.nics["hv1"].Port(p.ID)
		ports = append(ports, fmt.Sprint(p.Host, p.Status, p.DeviceID == o.id, real))
	}
	all["ports"] = strings.Join(ports, ", ")
	hosts, err := o.ListHypervisors(admin(o.t))
	require.NoError(o.t, err)
	all["claim"] = fmt.Sprint(hosts[0].Used, hosts[0].Servers)
	if view, there := state.View(o.id); there {
		all["guest"] = fmt.Sprint(view.Power, len(view.NICs))
	}
	list, _, err := o.ListServers(admin(o.t), compute.ServersOf{AllProjects: true, Known: true}, store.Query{})
	require.NoError(o.t, err)
	for _, s := range list {
		all["server"] = fmt.Sprint(s.VM, s.Task, s.Power, s.Host, len(s.Interfaces), s.Metadata)
	}
	return all
}
