package cloud

import (
	"context"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/compute/computerpc"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/network/networkrpc"
	"github.com/cumulite/cumulite/platform/flow"
	"github.com/cumulite/cumulite/platform/rpc"
)

// Faults are the places where a test makes happen to a cloud what happens to
// clouds. Each may wait, to be slow. nil: nothing happens there.
type Faults struct {
	// Store is called at "begin", "commit" and "committed" of each group of
	// transactions; see store.Options.Fault. Failing for good from some moment
	// on is what a killed process looks like to its database.
	Store func(op string) error
	// Call says what becomes of each call to a host: lost, its answer lost,
	// repeated. Where it is set, the drivers of Hosts are called as those of
	// hosts elsewhere are, encoded.
	Call func(ctx context.Context, host, method string) rpc.Fault
	// Step is called around each step of an operation; see flow.Options.Fault.
	Step func(kind, step string, when flow.Point) error
}

// between puts the seam Call between the cloud and the drivers of its hosts.
func (f *Faults) between(h Hosts) Hosts {
	if f.Call == nil {
		return h
	}
	ctx, cancel := context.WithCancel(context.Background())
	out := Hosts{Hypervisors: map[string]compute.Hypervisor{}, Networks: map[string]network.Driver{}, Clear: h.Clear}
	for name, host := range h.Hypervisors {
		mux := rpc.NewMux()
		computerpc.Serve(ctx, mux, host)
		out.Hypervisors[name] = computerpc.Client(f.caller(name, mux), abilities(host))
	}
	for name, driver := range h.Networks {
		mux := rpc.NewMux()
		networkrpc.Serve(mux, driver)
		out.Networks[name] = networkrpc.Client(f.caller(name, mux))
	}
	out.Close = func() error {
		cancel()
		if h.Close == nil {
			return nil
		}
		return h.Close()
	}
	return out
}

func (f *Faults) caller(host string, mux *rpc.Mux) rpc.Caller {
	return rpc.InProcess(mux, &rpc.Options{Fault: func(ctx context.Context, method string) rpc.Fault { return f.Call(ctx, host, method) }})
}

// abilities gives what a host can do beyond compute.Hypervisor, without asking it.
func abilities(h compute.Hypervisor) (out []compute.Ability) {
	if _, can := h.(compute.Suspender); can {
		out = append(out, compute.CanSuspend)
	}
	if _, can := h.(compute.Watcher); can {
		out = append(out, compute.CanWatch)
	}
	return out
}
