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
		Hypervisors: map[string]compute.Hypervisor{name: simcompute.New(simcompute.NewState(), &simcompute.Options{Name: name, Clock: deps.Clock, Images: deps.Images})},
		Networks:    map[string]network.Driver{name: simnetwork.New(simnetwork.NewState(), &simnetwork.Options{Name: name, Clock: deps.Clock})},
	}, nil
}
