package compute

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/policy"
)

// Server is a server, and its row. A server that was deleted has a row of the
// same shape among those that were.
type Server struct {
	bun.BaseModel `bun:"table:compute_servers,alias:server"`
	ID            string  `bun:"id,pk"`
	Version       int64   `bun:"version,notnull"`
	Number        int64   `bun:"number,notnull"` // makes its name on the host
	ProjectID     string  `bun:"project_id,notnull"`
	UserID        string  `bun:"user_id,notnull"`
	Name          string  `bun:"name,notnull"`
	Description   *string `bun:"description"`
	Hostname      string  `bun:"hostname,notnull"`
	ReservationID string  `bun:"reservation_id,notnull"` // of the request that made it
	LaunchIndex   int     `bun:"launch_index,notnull"`   // among those of one request

	VM           VMState    `bun:"vm_state,notnull"`
	Task         TaskState  `bun:"task_state,notnull"`
	Power        PowerState `bun:"power_state,notnull"`
	Progress     int        `bun:"progress,notnull"`
	Locked       bool       `bun:"locked,notnull"`
	LockedReason *string    `bun:"locked_reason"`
	Fault        *Fault     `bun:"fault"` // why it is in VMError

	Flavor          ServerFlavor      `bun:"embed:flavor_"` // as it was when the server was made
	ImageID         string            `bun:"image_id,notnull"`
	Image           ImageSpec         `bun:"image,notnull"`
	ImageProperties map[string]string `bun:"image_properties,notnull"`
	KeyName         string            `bun:"key_name,notnull"` // "" without one
	KeyType         KeypairType       `bun:"key_type,notnull"`
	PublicKey       string            `bun:"public_key,notnull"`
	Metadata        map[string]string `bun:"metadata,notnull"`
	Tags            []string          `bun:"-"` // sorted; rows of their own
	ConfigDrive     bool              `bun:"config_drive,notnull"`
	DiskConfig      string            `bun:"disk_config,notnull"` // "MANUAL" or "AUTO", which mean the same here
	AccessIPv4      string            `bun:"access_ipv4,notnull"`
	AccessIPv6      string            `bun:"access_ipv6,notnull"`
	RootDevice      string            `bun:"root_device,notnull"`

	RequestedZone string      `bun:"requested_zone,notnull"` // the zone that was asked for, "" for any
	RequestedHost string      `bun:"requested_host,notnull"`
	Zone          string      `bun:"zone,notnull"` // of its host; "" until it has one
	Host          string      `bun:"host,notnull"` // has its claim; "" until one was found, and when it could not be built
	Interfaces    []Interface `bun:"interfaces,notnull"`

	CreatedAt    time.Time  `bun:"created_at,notnull"`
	UpdatedAt    time.Time  `bun:"updated_at,notnull"`
	LaunchedAt   *time.Time `bun:"launched_at"`   // when it first ran
	TerminatedAt *time.Time `bun:"terminated_at"` // when it was deleted
}

// ServerFlavor is what a server keeps of its flavor, whatever becomes of that.
type ServerFlavor struct {
	ID           string            `bun:"id,notnull"`
	Name         string            `bun:"name,notnull"`
	VCPUs        int               `bun:"vcpus,notnull"`
	MemoryMiB    int               `bun:"memory_mib,notnull"`
	DiskGiB      int               `bun:"disk_gib,notnull"`
	EphemeralGiB int               `bun:"ephemeral_gib,notnull"`
	SwapMiB      int               `bun:"swap_mib,notnull"`
	RxTxFactor   float64           `bun:"rxtx_factor,notnull"`
	ExtraSpecs   map[string]string `bun:"extra_specs,notnull"`
}

// Fault is what went wrong with a server, as its owner may read it.
type Fault struct {
	Code      int       `json:"code"` // an HTTP status, by Nova's custom
	Message   string    `json:"message"`
	Details   string    `json:"details"` // for administrators
	CreatedAt time.Time `json:"created_at"`
}

// Interface is a port that a server has, in the order the guest sees them.
type Interface struct {
	PortID    string `json:"port_id"`
	NetworkID string `json:"network_id"`
	Tag       string `json:"tag"`   // the device's, "" without one
	Owned     bool   `json:"owned"` // made for this server, and deleted with it
}

// State is what decides over actions on s.
func (s *Server) State() State {
	return State{VM: s.VM, Task: s.Task, Launched: s.LaunchedAt != nil, Locked: s.Locked}
}

// Status is the status that the API shows.
func (s *Server) Status() string { return s.State().Status() }

// InstanceName is what the guest is called on its host.
func (s *Server) InstanceName() string { return fmt.Sprintf("instance-%08x", s.Number) }

// HostID names the server's host to its project, and to no other.
func (s *Server) HostID() string {
	if s.Host == "" {
		return ""
	}
	sum := sha256.Sum224([]byte(s.ProjectID + s.Host))
	return hex.EncodeToString(sum[:])
}

// target is what policy knows of a server.
func (s *Server) target() policy.Target {
	return policy.Target{"project_id": s.ProjectID, "user_id": s.UserID}
}

// setState puts a server where st says.
func (s *Server) setState(st State) { s.VM, s.Task = st.VM, st.Task }

// The columns that setState and what goes with it change.
var stateColumns = []string{"vm_state", "task_state", "power_state", "progress", "fault", "launched_at", "updated_at"}
