package compute

import (
	"slices"
	"sync"
	"time"
)

// noteEvery is how often it is written that a host still answers.
const noteEvery = time.Minute

// noted is what the hosts said last, as it was written to their rows. What is
// not new is not written again: a host that is well costs no transaction. The
// zero value is ready.
type noted struct {
	mu   sync.Mutex
	said map[string]said
}

type said struct {
	info    HostInfo
	answers bool
	at      time.Time
}

// clear forgets all: somebody else may have written since.
func (n *noted) clear() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.said = nil
}

// forget forgets one host.
func (n *noted) forget(host string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.said, host)
}

func (n *noted) set(host string, info HostInfo, answers bool, at time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.said == nil {
		n.said = map[string]said{}
	}
	n.said[host] = said{info, answers, at}
}

// same tells whether this is what was noted, not long ago.
func (n *noted) same(host string, info HostInfo, answers bool, now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	s, there := n.said[host]
	return there && s.answers == answers && (!answers || sameInfo(s.info, info) && now.Sub(s.at) < noteEvery)
}

func sameInfo(a, b HostInfo) bool {
	return slices.Equal(a.Abilities, b.Abilities) && slices.Equal(a.Formats, b.Formats) && equalScalars(a, b)
}

func equalScalars(a, b HostInfo) bool {
	return a.Name == b.Name && a.Type == b.Type && a.Version == b.Version && a.Address == b.Address && a.Arch == b.Arch && a.Accel == b.Accel &&
		a.VCPUs == b.VCPUs && a.MemoryMiB == b.MemoryMiB && a.DiskGiB == b.DiskGiB && a.CPUModel == b.CPUModel
}
