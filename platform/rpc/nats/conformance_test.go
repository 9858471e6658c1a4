package nats_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/compute/computerpc"
	"github.com/cumulite/cumulite/compute/computetest"
	"github.com/cumulite/cumulite/drivers/sim/simcompute"
	"github.com/cumulite/cumulite/drivers/sim/simnetwork"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/network/frame"
	"github.com/cumulite/cumulite/network/networkrpc"
	"github.com/cumulite/cumulite/network/networktest"
	"github.com/cumulite/cumulite/platform/rpc"
	"github.com/cumulite/cumulite/platform/rpc/nats/natstest"
)

// remote gives a way to hosts of their own, each reached through another
// controller than the one it is connected to.
func remote(t *testing.T) func(t *testing.T, mux *rpc.Mux) rpc.Caller {
	cloud := natstest.New(t)
	a, b := cloud.Controller(nil), cloud.Controller(nil)
	meet(t, a, b)
	made := 0
	return func(t *testing.T, mux *rpc.Mux) rpc.Caller {
		made++
		name := fmt.Sprint("node", made)
		host := cloud.Host(name, b.Address())
		require.NoError(t, host.Serve(mux))
		natstest.Await(t, func() bool { return a.Connected(name) })
		return a.Host(name)
	}
}

func TestHypervisorKeepsItsContractOverNATS(t *testing.T) {
	reach := remote(t)
	computetest.Run(t, func(*testing.T) computetest.Harness {
		state := simcompute.NewState()
		return computetest.Harness{
			Open: func(t *testing.T, images compute.Images) compute.Hypervisor {
				host := simcompute.New(state, &simcompute.Options{Images: images})
				info, err := host.Describe(t.Context())
				require.NoError(t, err)
				mux := rpc.NewMux()
				computerpc.Serve(t.Context(), mux, host)
				return computerpc.Client(reach(t, mux), info.Abilities)
			},
			Inspect: func(_ *testing.T, id string) computetest.View {
				seen, _ := state.View(id)
				v := computetest.View{VCPUs: seen.Spec.VCPUs, MemoryMiB: seen.Spec.MemoryMiB, RootBytes: seen.RootBytes, ConfigDrive: seen.Spec.ConfigDrive}
				for _, nic := range seen.NICs {
					v.MACs = append(v.MACs, nic.MAC)
				}
				return v
			},
			Leftovers: func(*testing.T) []string { return state.Leftovers() },
			PowerOff:  func(_ *testing.T, id string) { state.PowerOff(id) },
		}
	})
}

func TestNetworkDriverKeepsItsContractOverNATS(t *testing.T) {
	reach := remote(t)
	networktest.Run(t, func(*testing.T) networktest.Harness {
		state := simnetwork.NewState()
		return networktest.Harness{
			Open: func(t *testing.T) network.Driver {
				mux := rpc.NewMux()
				networkrpc.Serve(mux, simnetwork.New(state, nil))
				return networkrpc.Client(reach(t, mux))
			},
			Send: func(_ *testing.T, place string, f frame.Frame) (out []networktest.Delivery) {
				for _, d := range state.Send(place, f) {
					out = append(out, networktest.Delivery(d))
				}
				return out
			},
			Metadata: func(_ *testing.T, portID, path string) ([]byte, bool) { return state.Metadata(portID, path) },
		}
	})
}
