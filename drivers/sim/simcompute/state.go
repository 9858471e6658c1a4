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
	mu       sync.Mutex
	machines map[string]*machine
	feed     hosting.Feed
}

// machine is one guest. It is half made until defined is set.
type machine struct {
	spec     compute.GuestSpec
	disks    bool  // made
	root     int64 // size of the root disk in bytes
	defined  bool
	power    compute.PowerState
	nics     []compute.NIC
	console  []byte
	boots    int
	stubborn bool
	calls    []string
}

// NewState gives a machine without guests.
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
	if m == nil || !m.defined {
		return View{}, false
	}
	return View{Spec: m.spec, Power: m.power, NICs: slices.Clone(m.nics), RootBytes: m.root, Boots: m.boots}, true
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
		m.stubborn = stubborn
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
	if m == nil || m.power != compute.Running {
		return
	}
	m.print(line)
	s.setPower(m, to)
}

// setPower is called with the lock held; it alone tells the watchers.
func (s *State) setPower(m *machine, to compute.PowerState) {
	if m.power == to {
		return
	}
	m.power = to
	s.feed.Tell(compute.Guest{ID: m.spec.ID, Power: to})
}

func (s *State) guests() []compute.Guest {
	s.mu.Lock()
	defer s.mu.Unlock()
	guests := make([]compute.Guest, 0, len(s.machines))
	for id, m := range s.machines {
		if m.defined {
			guests = append(guests, compute.Guest{ID: id, Power: m.power})
		}
	}
	slices.SortFunc(guests, func(a, b compute.Guest) int { return cmp.Compare(a.ID, b.ID) })
	return guests
}

// with runs fn on a defined guest under the lock.
func (s *State) with(id string, fn func(m *machine) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.machines[id]
	if m == nil || !m.defined {
		return hosting.Missing(id)
	}
	return fn(m)
}

// Calls implements hosting.Journal.
func (s *State) Calls(id string) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.machines[id]; m != nil {
		return slices.Clone(m.calls), nil
	}
	return nil, nil
}

// SetCalls implements hosting.Journal.
func (s *State) SetCalls(id string, calls []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.machines[id]; m != nil {
		m.calls = calls
	}
	return nil
}

// boot writes on the console what a small cloud guest would.
func (m *machine) boot() {
	m.boots++
	m.print(fmt.Sprintf("[    0.000000] Linux version 6.1.0-sim (cumulite) #1 SMP, %d processors, %d MiB", m.spec.VCPUs, m.spec.MemoryMiB))
	m.print("GUEST-BOOT uptime=1.02 kernel=6.1.0-sim")
	for i, nic := range m.nics {
		m.print(fmt.Sprintf("GUEST-NIC eth%d mac=%s", i, nic.MAC))
	}
	if meta := m.spec.ConfigDrive["openstack/latest/meta_data.json"]; meta != nil {
		m.print("GUEST-CONFIGDRIVE /dev/sr0")
		m.print("GUEST-METADATA-BEGIN")
		m.print(string(meta))
		m.print("GUEST-METADATA-END")
	}
	m.print(fmt.Sprintf("GUEST-READY hostname=%s uptime=2.50", m.spec.Hostname))
}

func (m *machine) print(line string) {
	m.console = append(m.console, line...)
	m.console = append(m.console, '\n')
	if extra := len(m.console) - compute.MaxConsole; extra > 0 {
		m.console = slices.Clone(m.console[extra:])
	}
}

func (m *machine) plugged(portID string) int {
	return slices.IndexFunc(m.nics, func(n compute.NIC) bool { return n.PortID == portID })
}
