package simcompute

import (
	"cmp"
	"fmt"
	"slices"
	"sync"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/compute/hosting"
)

// State is the simulated machine: its guests and their disks. It outlives the
// Host, as a real machine outlives the process that drives it, and its methods
// do what happens on a machine without anyone asking.
type State struct {
	journal  *journal // nil keeps nothing
	mu       sync.Mutex
	machines map[string]*machine
	feed     hosting.Feed
}

// machine is one guest, and what the journal has of it. It is half made until
// Defined is set.
type machine struct {
	Spec     compute.GuestSpec
	Disks    bool  // made
	Root     int64 // size of the root disk in bytes
	Defined  bool
	Power    compute.PowerState
	NICs     []compute.NIC
	Console  []byte
	Boots    int
	Stubborn bool
	Calls    []string
}

// NewState gives a machine without guests, in memory only.
func NewState() *State { return &State{machines: map[string]*machine{}} }

// View is what a test may see of a guest.
type View struct {
	Spec      compute.GuestSpec // as of the last Create or Start
	Power     compute.PowerState
	NICs      []compute.NIC // plugged in now
	RootBytes int64         // size of the root disk, 0 without one
	Boots     int           // how often it started or was reset
}

// View gives a guest; false when there is none, or a half-made one.
func (s *State) View(id string) (View, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.machines[id]
	if m == nil || !m.Defined {
		return View{}, false
	}
	return View{Spec: m.Spec, Power: m.Power, NICs: slices.Clone(m.NICs), RootBytes: m.Root, Boots: m.Boots}, true
}

// Leftovers gives the ids of everything that takes room on the machine: guests
// and what Create left half made.
func (s *State) Leftovers() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make([]string, 0, len(s.machines))
	for id := range s.machines {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// PowerOff is a running guest that shuts itself down.
func (s *State) PowerOff(id string) { s.change(id, compute.Shutdown, "reboot: Power down") }

// Crash is a running guest whose machine dies.
func (s *State) Crash(id string) {
	s.change(id, compute.Crashed, "Kernel panic - not syncing: simulated crash")
}

// SetStubborn makes a guest ignore its power button and hold on to interfaces.
func (s *State) SetStubborn(id string, stubborn bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.machines[id]; m != nil {
		m.Stubborn = stubborn
	}
}

// Print writes a line on the console of a guest.
func (s *State) Print(id, line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.machines[id]; m != nil {
		m.print(line)
	}
}

func (s *State) change(id string, to compute.PowerState, line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.machines[id]
	if m == nil || m.Power != compute.Running {
		return
	}
	m.print(line)
	s.setPower(m, to)
}

// setPower is called with the lock held; it alone tells the watchers.
func (s *State) setPower(m *machine, to compute.PowerState) {
	if m.Power == to {
		return
	}
	m.Power = to
	s.feed.Tell(compute.Guest{ID: m.Spec.ID, Power: to})
}

func (s *State) guests() []compute.Guest {
	s.mu.Lock()
	defer s.mu.Unlock()
	guests := make([]compute.Guest, 0, len(s.machines))
	for id, m := range s.machines {
		g := compute.Guest{ID: id}
		if m.Defined {
			g.Power = m.Power
		}
		guests = append(guests, g)
	}
	slices.SortFunc(guests, func(a, b compute.Guest) int { return cmp.Compare(a.ID, b.ID) })
	return guests
}

// with runs fn on a defined guest under the lock.
func (s *State) with(id string, fn func(m *machine) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.machines[id]
	if m == nil || !m.Defined {
		return hosting.Missing(id)
	}
	return fn(m)
}

// Calls implements hosting.Journal.
func (s *State) Calls(id string) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.machines[id]; m != nil {
		return slices.Clone(m.Calls), nil
	}
	return nil, nil
}

// SetCalls implements hosting.Journal. It is the last of a call, so the guest
// is kept with what the call did.
func (s *State) SetCalls(id string, calls []string) error {
	s.mu.Lock()
	if m := s.machines[id]; m != nil {
		m.Calls = calls
	}
	s.mu.Unlock()
	return s.keep(id)
}

// boot writes on the console what a small cloud guest would.
func (m *machine) boot() {
	m.Boots++
	m.print(fmt.Sprintf("[    0.000000] Linux version 6.1.0-sim (cumulite) #1 SMP, %d processors, %d MiB", m.Spec.VCPUs, m.Spec.MemoryMiB))
	m.print("GUEST-BOOT uptime=1.02 kernel=6.1.0-sim")
	for i, nic := range m.NICs {
		m.print(fmt.Sprintf("GUEST-NIC eth%d mac=%s", i, nic.MAC))
	}
	if meta := m.Spec.ConfigDrive["openstack/latest/meta_data.json"]; meta != nil {
		m.print("GUEST-CONFIGDRIVE /dev/sr0")
		m.print("GUEST-METADATA-BEGIN")
		m.print(string(meta))
		m.print("GUEST-METADATA-END")
	}
	m.print(fmt.Sprintf("GUEST-READY hostname=%s uptime=2.50", m.Spec.Hostname))
}

func (m *machine) print(line string) {
	m.Console = append(m.Console, line...)
	m.Console = append(m.Console, '\n')
	if extra := len(m.Console) - compute.MaxConsole; extra > 0 {
		m.Console = slices.Clone(m.Console[extra:])
	}
}

func (m *machine) plugged(portID string) int {
	return slices.IndexFunc(m.NICs, func(n compute.NIC) bool { return n.PortID == portID })
}
