package compute

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/compute/schedule"
	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/store"
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
	Operation    string     `bun:"operation,notnull"` // that does it; "" when there is none, or an earlier release began it
	Power        PowerState `bun:"power_state,notnull"`
	Progress     int        `bun:"progress,notnull"`
	Locked       bool       `bun:"locked,notnull"`
	LockedBy     string     `bun:"locked_by,notnull"` // "owner" or "admin"; "" when it is not locked
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

	RequestedZone string           `bun:"requested_zone,notnull"` // the zone that was asked for, "" for any
	RequestedHost string           `bun:"requested_host,notnull"`
	Zone          string           `bun:"zone,notnull"`   // of its host; "" until it has one
	Host          string           `bun:"host,notnull"`   // has its claim; "" until one was found, and when it could not be built
	Claimed       schedule.Amounts `bun:"embed:claimed_"` // of its host
	Interfaces    []Interface      `bun:"interfaces,notnull"`

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
func (s *Server) setState(st State) {
	s.VM, s.Task = st.VM, st.Task
	if st.Task == TaskNone {
		s.Operation = ""
	}
}

// owned tells whether what is being done to a server is done by an operation.
// What an earlier release began says nothing of it.
func (s *Server) owned(op string) bool {
	return s.Operation == op || s.Operation == "" && s.Task != TaskNone
}

// stateColumns are written by each save.
var stateColumns = []string{"vm_state", "task_state", "operation", "updated_at"}

// save writes the state of a server and these columns.
func (s *Service) save(ctx context.Context, tx *store.Tx, srv *Server, columns ...string) error {
	srv.UpdatedAt = s.Clock.Now()
	return store.Update(ctx, tx, srv, append(columns, stateColumns...)...)
}

// GetServer gives a server with its tags.
func (s *Service) GetServer(ctx context.Context, id string) (*Server, error) {
	srv, err := s.findServer(ctx, s.DB.Read(), ActionServerShow, id)
	if err != nil {
		return nil, err
	}
	return srv, s.withTags(ctx, srv)
}

// findServer gives a server, without its tags, to which the caller may do
// action; one that the caller may not see is not there.
func (s *Service) findServer(ctx context.Context, db bun.IDB, action policy.Action, id string) (*Server, error) {
	srv, err := store.Get[Server](ctx, db, id)
	if store.IsNone(err) || err == nil && !s.sees(ctx, srv.ProjectID) {
		return nil, noServer(id)
	}
	if err != nil {
		return nil, err
	}
	return srv, s.policy.Check(ctx, action, srv.target())
}

func noServer(id string) error { return errs.NotFoundf("Instance %s could not be found.", id) }

// sees tells whether the caller may know of what belongs to a project.
func (s *Service) sees(ctx context.Context, projectID string) bool {
	return auth.From(ctx).ProjectID() == projectID && projectID != "" || s.isAdmin(ctx)
}

// changeServer lets change alter a server in a transaction, and writes the
// columns that it names.
func (s *Service) changeServer(ctx context.Context, action policy.Action, id string, change func(ctx context.Context, tx *store.Tx, srv *Server) (columns []string, err error)) (srv *Server, err error) {
	err = s.DB.Serial(asked(ctx), "compute.server."+id, func(ctx context.Context, tx *store.Tx) error {
		if srv, err = s.findServer(ctx, tx, action, id); err != nil {
			return err
		}
		columns, err := change(ctx, tx, srv)
		if err != nil {
			return err
		}
		return s.save(ctx, tx, srv, columns...)
	})
	return srv, err
}

// asked gives a request's id to calls that come from no request: the record of
// actions knows them by it.
func asked(ctx context.Context) context.Context {
	if auth.RequestID(ctx) != "" {
		return ctx
	}
	return auth.WithRequestID(ctx, "req-"+uuid.NewString())
}
