// Command cumulited is a whole OpenStack cloud in one process.
//
// A distribution of its own copies this file and edits its imports.
package main

import (
	"os"
	"path/filepath"

	"github.com/cumulite/cumulite/cloud"
	"github.com/cumulite/cumulite/cloud/daemon"
	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/drivers/libvirt"
	"github.com/cumulite/cumulite/drivers/linuxnet"
	"github.com/cumulite/cumulite/network"
)

func main() {
	os.Exit(daemon.Main(os.Args[1:], daemon.Drivers{
		Hypervisors: map[string]daemon.NewHypervisor{"sim": simHypervisor, "libvirt": libvirtHypervisor},
		Networks:    map[string]daemon.NewNetwork{"sim": simNetwork, "linuxnet": linuxNetwork},
	}))
}

func simHypervisor(c daemon.Config, deps cloud.HostDeps) (compute.Hypervisor, error) {
	return cloud.SimulatedHypervisor(c.Host, deps)
}

func libvirtHypervisor(c daemon.Config, deps cloud.HostDeps) (compute.Hypervisor, error) {
	return libvirt.New(filepath.Join(deps.Dir, "guests"), deps.Images, &libvirt.Options{
		Socket: c.LibvirtSocket, Name: c.Host, Accel: libvirt.Accel(c.Accel), Clock: deps.Clock, Logger: deps.Logger})
}

func simNetwork(c daemon.Config, deps cloud.HostDeps) (network.Driver, error) {
	return cloud.SimulatedNetwork(c.Host, deps), nil
}

func linuxNetwork(c daemon.Config, deps cloud.HostDeps) (network.Driver, error) {
	l := linuxNet{dir: filepath.Join(deps.Dir, "network"), opts: &linuxnet.Options{Name: c.Host, Tunnel: c.Tunnel, Logger: deps.Logger}}
	var err error
	l.Driver, err = linuxnet.Open(l.dir, l.opts)
	return l, err
}

// linuxNet is a driver that --purge can clear.
type linuxNet struct {
	*linuxnet.Driver
	dir  string
	opts *linuxnet.Options
}

// Clear implements daemon.Clearer.
func (l linuxNet) Clear() error { return linuxnet.Clear(l.dir, l.opts) }
