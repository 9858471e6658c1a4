package cloud

import (
	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/drivers/sim/simcompute"
	"github.com/cumulite/cumulite/drivers/sim/simnetwork"
	"github.com/cumulite/cumulite/network"
)

// Simulated gives one simulated host, "sim".
func Simulated(deps HostDeps) (Hosts, error) {
	const name = "sim"
	return Hosts{
		Hypervisors: map[string]compute.Hypervisor{name: SimulatedHypervisor(name, deps)},
		Networks:    map[string]network.Driver{name: SimulatedNetwork(name, deps)},
	}, nil
}

// SimulatedHypervisor gives a simulated host with room for thousands of servers.
func SimulatedHypervisor(name string, deps HostDeps) compute.Hypervisor {
	return simcompute.New(simcompute.NewState(), &simcompute.Options{
		Name: name, VCPUs: 512, MemoryMiB: 4 << 20, DiskGiB: 1 << 20, Clock: deps.Clock, Images: deps.Images})
}

// SimulatedNetwork gives the simulated network of a host.
func SimulatedNetwork(name string, deps HostDeps) network.Driver {
	return simnetwork.New(simnetwork.NewState(), &simnetwork.Options{Name: name, Clock: deps.Clock})
}
