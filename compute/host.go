package compute

import (
	"time"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/compute/schedule"
)

// Host is a host that servers run on, and its row: what the API shows as a
// compute service, and as a hypervisor.
type Host struct {
	bun.BaseModel  `bun:"table:compute_hosts,alias:host"`
	ID             string           `bun:"id,pk"` // of service and hypervisor
	Version        int64            `bun:"version,notnull"`
	Number         int64            `bun:"number,notnull"` // id of both before 2.53
	Name           string           `bun:"name,notnull"`
	Zone           string           `bun:"zone,notnull"`
	Disabled       bool             `bun:"disabled,notnull"` // takes no new servers
	DisabledReason *string          `bun:"disabled_reason"`
	ForcedDown     bool             `bun:"forced_down,notnull"` // an operator has fenced it
	Answers        bool             `bun:"answers,notnull"`     // it did when it was asked last
	Info           HostInfo         `bun:"info,notnull"`        // as it described itself last
	Used           schedule.Amounts `bun:"embed:used_"`         // by the servers that have their claim here
	Servers        int              `bun:"servers,notnull"`     // that have their claim here
	CreatedAt      time.Time        `bun:"created_at,notnull"`
	UpdatedAt      time.Time        `bun:"updated_at,notnull"`
	SeenAt         *time.Time       `bun:"seen_at"` // when it answered last
}

// Up tells whether the host can be worked with: its state in the API.
func (h *Host) Up() bool { return h.Answers && !h.ForcedDown }

// UpdateHost is what an administrator may change of a compute service; nil
// fields stay.
type UpdateHost struct {
	Disabled       *bool
	DisabledReason **string
	ForcedDown     *bool
}

// Zone is an availability zone with its hosts.
type Zone struct {
	Name      string
	Available bool
	Hosts     []Host
}
