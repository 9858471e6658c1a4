// Command hostagent is a compute and network host of its own of a cloud.
//
// A distribution of its own copies this file and edits its imports.
package main

import (
	"os"
	"path/filepath"

	"github.com/cumulite/cumulite/cloud/agent/daemon"
	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/drivers/libvirt"
	"github.com/cumulite/cumulite/drivers/linuxnet"
	"github.com/cumulite/cumulite/drivers/sim/simcompute"
	"github.com/cumulite/cumulite/drivers/sim/simnetwork"
	"github.com/cumulite/cumulite/network"
)

func main() {
	os.Exit(daemon.Main(os.Args[1:], daemon.Drivers{
		Hypervisors: map[string]daemon.NewHypervisor{"sim": simHypervisor, "libvirt": libvirtHypervisor},
		Networks:    map[string]daemon.NewNetwork{"sim": simNetwork, "linuxnet": linuxNetwork},
	}))
}

func simHypervisor(_ daemon.Config, deps daemon.Deps) (compute.Hypervisor, error) {
	state, err := simcompute.OpenState(filepath.Join(deps.Dir, "simulated"))
	if err != nil {
		return nil, err
	}
	return simcompute.New(state, &simcompute.Options{Name: deps.Name, VCPUs: 512, MemoryMiB: 4 << 20, DiskGiB: 1 << 20, Clock: deps.Clock, Images: deps.Images}), nil
}

func libvirtHypervisor(c daemon.Config, deps daemon.Deps) (compute.Hypervisor, error) {
	address := ""
	if deps.Tunnel.IsValid() {
		address = deps.Tunnel.String()
	}
	return libvirt.New(filepath.Join(deps.Dir, "guests"), deps.Images, &libvirt.Options{
		Socket: c.LibvirtSocket, Name: deps.Name, Address: address, Accel: libvirt.Accel(c.Accel), Clock: deps.Clock, Logger: deps.Logger})
}

func simNetwork(_ daemon.Config, deps daemon.Deps) (network.Driver, error) {
	return simnetwork.New(simnetwork.NewState(), &simnetwork.Options{Name: deps.Name, Clock: deps.Clock}), nil
}

func linuxNetwork(_ daemon.Config, deps daemon.Deps) (network.Driver, error) {
	return linuxnet.Open(filepath.Join(deps.Dir, "network"), &linuxnet.Options{Name: deps.Name, Tunnel: deps.Tunnel, Logger: deps.Logger})
}
