package simcompute_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/compute/computetest"
	"github.com/cumulite/cumulite/drivers/sim/simcompute"
)

func TestConformance(t *testing.T) {
	computetest.Run(t, func(*testing.T) computetest.Harness {
		state := simcompute.NewState()
		return computetest.Harness{
			Open: func(_ *testing.T, images compute.Images) compute.Hypervisor {
				return simcompute.New(state, &simcompute.Options{Images: images})
			},
			Inspect:   func(_ *testing.T, id string) computetest.View { return view(state, id) },
			Leftovers: func(*testing.T) []string { return state.Leftovers() },
			PowerOff:  func(_ *testing.T, id string) { state.PowerOff(id) },
		}
	})
}

// Its driver and the machine are both lost at a restart, but for the files.
func TestConformanceOfAKeptMachine(t *testing.T) {
	computetest.Run(t, func(t *testing.T) computetest.Harness {
		dir := t.TempDir()
		var state *simcompute.State
		return computetest.Harness{
			Open: func(t *testing.T, images compute.Images) compute.Hypervisor {
				var err error
				state, err = simcompute.OpenState(dir)
				require.NoError(t, err)
				return simcompute.New(state, &simcompute.Options{Images: images})
			},
			Inspect:   func(_ *testing.T, id string) computetest.View { return view(state, id) },
			Leftovers: func(*testing.T) []string { return state.Leftovers() },
			PowerOff:  func(_ *testing.T, id string) { state.PowerOff(id) },
		}
	})
}

func view(state *simcompute.State, id string) computetest.View {
	seen, _ := state.View(id)
	v := computetest.View{
		VCPUs: seen.Spec.VCPUs, MemoryMiB: seen.Spec.MemoryMiB, RootBytes: seen.RootBytes, ConfigDrive: seen.Spec.ConfigDrive,
	}
	for _, nic := range seen.NICs {
		v.MACs = append(v.MACs, nic.MAC)
	}
	return v
}
