package soak

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"

	"github.com/cumulite/cumulite/cloud"
	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/drivers/sim/simcompute"
	"github.com/cumulite/cumulite/drivers/sim/simnetwork"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/clock"
)

// machine is a simulated host. It outlives the clouds that use it.
type machine struct {
	name   string
	size   simcompute.Options
	guests *simcompute.State
	wires  *simnetwork.State
}

// crash cuts the power of all that runs on the machine.
func (m *machine) crash() {
	for _, id := range m.guests.Leftovers() {
		m.guests.Crash(id)
	}
}

// site is where a cloud stands: its machines, its directory, its clock.
type site struct {
	dir      string
	clock    *crooked
	weather  *weather
	machines []*machine
	log      io.Writer
}

func newSite(dir string, weather *weather, rng *rand.Rand, log io.Writer) *site {
	s := &site{dir: dir, clock: newCrooked(), weather: weather, log: log}
	for i := range 2 + rng.IntN(5) {
		s.machines = append(s.machines, &machine{
			name: fmt.Sprintf("hv%d", i+1), size: simcompute.Options{VCPUs: 4 + rng.IntN(8), MemoryMiB: 4096, DiskGiB: 200},
			guests: simcompute.NewState(), wires: simnetwork.NewState(),
		})
	}
	return s
}

// hosts is cloud.Options.Hosts.
func (s *site) hosts(deps cloud.HostDeps) (cloud.Hosts, error) {
	out := cloud.Hosts{Hypervisors: map[string]compute.Hypervisor{}, Networks: map[string]network.Driver{}}
	for _, m := range s.machines {
		o := m.size
		o.Name, o.Clock, o.Images = m.name, clock.System(), deps.Images
		out.Hypervisors[m.name] = simcompute.New(m.guests, &o)
		out.Networks[m.name] = simnetwork.New(m.wires, &simnetwork.Options{Name: m.name, Clock: clock.System()})
	}
	return out, nil
}

// process is one cloud at work.
type process struct {
	*cloud.Cloud
	*life
	stop func() error
}

// open starts a cloud on the site's directory.
func (s *site) open() (*process, error) {
	p := &process{life: newLife(s.weather)}
	var err error
	p.Cloud, err = cloud.Open(context.Background(), cloud.Options{
		Dir: s.dir, AdminPassword: password, PasswordCost: 4, Users: accounts(), Hosts: s.hosts, Clock: s.clock, Faults: p.faults(),
		Logger: slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	p.stop = sync.OnceValue(func() error {
		cancel()
		err := <-ended
		if p.isDead() {
			err = nil
		}
		if closed := p.Close(); err == nil {
			err = closed
		}
		return err
	})
	return p, nil
}
