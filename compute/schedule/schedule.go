// Package schedule chooses the host of a server. It is a pure function from a
// snapshot of the hosts and a request to a decision: no clock, no I/O, no state,
// and the same seed gives the same answer.
//
//	decision, err := schedule.Choose(hosts, schedule.Request{Need: schedule.Amounts{VCPUs: 2, MemoryMiB: 4096, DiskGiB: 20}})
//	hosts[decision.Candidates[0]].Take(need)
//
// Choose filters the hosts that can take the server, gives each a weight, and
// orders them by it, as Nova's scheduler does with its default filters and weighers.
package schedule

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cumulite/cumulite/platform/errs"
)

// Amounts are what a server needs, or a host has, of what is counted.
type Amounts struct {
	VCPUs     int `bun:"vcpus,notnull"`
	MemoryMiB int `bun:"memory_mib,notnull"`
	DiskGiB   int `bun:"disk_gib,notnull"`
}

// Ratios say how much of a host is given away for each of what it has.
type Ratios struct{ VCPUs, Memory, Disk float64 }

// DefaultRatios are Nova's: four processors for each one there is, memory and
// disk once only.
var DefaultRatios = Ratios{VCPUs: 4, Memory: 1, Disk: 1}

// Host is one host as it stands in the snapshot.
type Host struct {
	Name      string
	Zone      string // availability zone
	Arch      string
	Formats   []string // image formats it can boot
	Abilities []string
	Enabled   bool // no operator has closed it to new servers
	Up        bool // it was heard of lately
	Total     Amounts
	Reserved  Amounts // kept for the host itself
	Used      Amounts
	Ratios    Ratios // a zero one is that of DefaultRatios
}

// Capacity is how much the servers on h may use together.
func (h *Host) Capacity() Amounts {
	return Amounts{
		VCPUs:     stretch(h.Total.VCPUs-h.Reserved.VCPUs, cmp.Or(h.Ratios.VCPUs, DefaultRatios.VCPUs)),
		MemoryMiB: stretch(h.Total.MemoryMiB-h.Reserved.MemoryMiB, cmp.Or(h.Ratios.Memory, DefaultRatios.Memory)),
		DiskGiB:   stretch(h.Total.DiskGiB-h.Reserved.DiskGiB, cmp.Or(h.Ratios.Disk, DefaultRatios.Disk)),
	}
}

func stretch(n int, ratio float64) int { return int(float64(n) * ratio) }

// Free is what is left on h, below zero where more is used than may be.
func (h *Host) Free() Amounts {
	c := h.Capacity()
	return Amounts{c.VCPUs - h.Used.VCPUs, c.MemoryMiB - h.Used.MemoryMiB, c.DiskGiB - h.Used.DiskGiB}
}

// Take notes in the snapshot that a server was placed on h.
func (h *Host) Take(a Amounts) {
	h.Used = Amounts{h.Used.VCPUs + a.VCPUs, h.Used.MemoryMiB + a.MemoryMiB, h.Used.DiskGiB + a.DiskGiB}
}

// Policy says how the servers of a group stand to each other.
type Policy string

// The policies of server groups, by their names in the API.
const (
	Affinity         Policy = "affinity"      // all on one host
	AntiAffinity     Policy = "anti-affinity" // each on a host of its own
	SoftAffinity     Policy = "soft-affinity"
	SoftAntiAffinity Policy = "soft-anti-affinity"
)

// Group is the server group that a request belongs to.
type Group struct {
	Policy     Policy
	MaxPerHost int            // of AntiAffinity; 0 is 1
	Members    map[string]int // how many members each host has, by its name
}

// Request says what is to be placed. Empty fields ask for nothing.
type Request struct {
	Need      Amounts
	Zone      string
	Arch      string
	Format    string // of the image
	Abilities []string
	Host      string // no other one will do
	// Force asks for Host as an administrator may: closed or not, whatever its
	// zone and group. What cannot work there is refused all the same.
	Force   bool
	Exclude []string // hosts that were tried already, or that it must leave
	Group   *Group
	Limit   int    // at most so many candidates; 0 is all of them
	Seed    uint64 // orders hosts of equal weight
}

// Refusal says why a host was not considered.
type Refusal struct {
	Host   string
	Reason Reason
}

// Decision is what Choose found.
type Decision struct {
	Candidates []int     // indexes into the hosts, best first
	Refused    []Refusal // in the order of the hosts
}

// Choose orders the hosts that can take the request, best first. Without any
// the error is errs.Exhausted, its cause counts the reasons, and the decision
// still has the refusals. It changes nothing in hosts.
func Choose(hosts []Host, r Request) (Decision, error) {
	var d Decision
	for i := range hosts {
		if reason := refuse(&hosts[i], &r); reason != "" {
			d.Refused = append(d.Refused, Refusal{hosts[i].Name, reason})
			continue
		}
		d.Candidates = append(d.Candidates, i)
	}
	if len(d.Candidates) == 0 {
		return d, errs.New(errs.Exhausted, "No valid host was found. There are not enough hosts available.").Because(d.cause())
	}
	order(hosts, d.Candidates, &r)
	if r.Limit > 0 && len(d.Candidates) > r.Limit {
		d.Candidates = d.Candidates[:r.Limit]
	}
	return d, nil
}

// cause counts the reasons: "the zone is another (3), not enough memory (2)".
func (d Decision) cause() error {
	if len(d.Refused) == 0 {
		return fmt.Errorf("there are no hosts")
	}
	counts := map[Reason]int{}
	for _, f := range d.Refused {
		counts[f.Reason]++
	}
	parts := make([]string, 0, len(counts))
	for reason, n := range counts {
		parts = append(parts, fmt.Sprintf("%s (%d)", reason, n))
	}
	slices.Sort(parts)
	return fmt.Errorf("%s", strings.Join(parts, ", "))
}
