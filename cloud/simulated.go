package cloud

import (
	"path/filepath"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/drivers/sim/simcompute"
	"github.com/cumulite/cumulite/drivers/sim/simnetwork"
	"github.com/cumulite/cumulite/network"
)

// Simulated gives one simulated host, "sim".
func Simulated(deps HostDeps) (Hosts, error) {
	const name = "sim"
	hypervisor, err := SimulatedHypervisor(name, deps)
	return Hosts{
		Hypervisors: map[string]compute.Hypervisor{name: hypervisor},
		Networks:    map[string]network.Driver{name: SimulatedNetwork(name, deps)},
	}, err
}

// SimulatedHypervisor gives a simulated host with room for thousands of
// servers. Its guests outlive the process, unless the cloud keeps nothing.
func SimulatedHypervisor(name string, deps HostDeps) (compute.Hypervisor, error) {
	state := simcompute.NewState()
	if !deps.Ephemeral {
		var err error
		if state, err = simcompute.OpenState(filepath.Join(deps.Dir, "simulated", name)); err != nil {
			return nil, err
		}
	}
	return simcompute.New(state, &simcompute.Options{
		Name: name, VCPUs: 512, MemoryMiB: 4 << 20, DiskGiB: 1 << 20, Clock: deps.Clock, Images: deps.Images}), nil
}

// SimulatedNetwork gives the simulated network of a host. After a restart the
// network service puts there again what is wanted.
func SimulatedNetwork(name string, deps HostDeps) network.Driver {
	return simnetwork.New(simnetwork.NewState(), &simnetwork.Options{Name: name, Clock: deps.Clock})
}
