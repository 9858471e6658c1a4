package compute

import (
	"cmp"
	"context"
	"embed"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cumulite/cumulite/compute/schedule"
	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/event"
	"github.com/cumulite/cumulite/platform/flow"
	"github.com/cumulite/cumulite/platform/lease"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/quota"
	"github.com/cumulite/cumulite/platform/rpc"
	"github.com/cumulite/cumulite/platform/secret"
	"github.com/cumulite/cumulite/platform/store"
)

// Deps are what the service stands on; all of them are required.
type Deps struct {
	DB       *store.Store // with the tables of Migrations and of the flow, event and quota packages
	Clock    clock.Clock
	Ops      *flow.Engine // New registers the service's operations with it
	Events   *event.Bus
	Secrets  *secret.Box           // seals user data
	Hosts    map[string]Hypervisor // that are there from the start, by name; see AddHost
	Networks Networks
	Images   ImageService
}

// Options are the service's settings; nil means the defaults.
type Options struct {
	Policy *policy.Overrides // of Policies
	Logger *slog.Logger      // nil discards
	// Zones are the availability zones of hosts by their names. Default: those
	// that are not named are in DefaultZone.
	Zones map[string]string
	// DefaultZone is the zone of most hosts. Default: "nova".
	DefaultZone string
	// Ratios say how much of each host is given away. Default: schedule.DefaultRatios.
	Ratios schedule.Ratios
	// Reserved is kept on each host for itself.
	Reserved schedule.Amounts
	// Grace is how long a guest may take to obey its power button. Default: a minute.
	Grace time.Duration
	// Domain follows the hostname in metadata. Default: "novalocal".
	Domain string
	// Leases say which of a cloud's processes watches the hosts. nil: there is no other.
	Leases *lease.Leases
	// Poll is how often hosts are asked how they are. Default: 4 s.
	Poll time.Duration
	// BuildAttempts is on how many hosts it is tried to build a server. Default: 3.
	BuildAttempts int
	// BuildPatience is how long calls to a host may fail before a server is
	// built on another. Default: a minute.
	BuildPatience time.Duration
	// Retention is how long the record of a deleted server is kept. Default: 30 days.
	Retention time.Duration
	// ActionRetention is how long it is kept what was asked of servers that
	// there are: the original keeps it until they are deleted and archived.
	// Default: 90 days.
	ActionRetention time.Duration
}

// Service holds the rules and rows of compute. Its methods check by policy what
// the Grant in ctx may do.
type Service struct {
	Deps
	opts   Options
	policy *policy.Enforcer
	quotas *quota.Book
	log    *slog.Logger
	ops    operations
	owning map[string]bool // kinds of operations that own the task of their server
	places placement
	waits  waits
	calls  calls
	hosts  *rpc.Roster[Hypervisor]
	noted  noted
	fence  atomic.Int64              // of the watch, while it is this process's
	mark   atomic.Pointer[hostsMark] // of the hosts' rows when they were read last
	down   sync.Map                  // names of hosts that do not answer
}

//go:embed *.sql
var files embed.FS

// Migrations gives the service's tables.
func Migrations() store.Migrations { return store.Migrations{Name: "compute", Files: files} }

// New gives the service and registers its operations.
func New(deps Deps, opts *Options) (*Service, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	rules, err := policy.New(Policies(), o.Policy)
	if err != nil {
		return nil, err
	}
	o.DefaultZone, o.Domain = cmp.Or(o.DefaultZone, "nova"), cmp.Or(o.Domain, "novalocal")
	o.ActionRetention = cmp.Or(o.ActionRetention, 90*24*time.Hour)
	o.BuildAttempts, o.BuildPatience = cmp.Or(o.BuildAttempts, 3), cmp.Or(o.BuildPatience, time.Minute)
	o.Grace, o.Poll, o.Retention = cmp.Or(o.Grace, time.Minute), cmp.Or(o.Poll, 4*time.Second), cmp.Or(o.Retention, 30*24*time.Hour)
	s := &Service{Deps: deps, opts: o, policy: rules, owning: map[string]bool{}, quotas: quota.New("compute", quotaDefaults), log: o.Logger, hosts: rpc.NewRoster(deps.Hosts)}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.register()
	deps.Events.Subscribe("compute", []string{"network.port.deleted"}, s.portDeleted)
	return s, nil
}

// isAdmin tells whether the caller sees what is of all projects.
func (s *Service) isAdmin(ctx context.Context) bool {
	return s.policy.Allows(ctx, actionContextIsAdmin, nil)
}

// Allows tells whether the caller may do action to what belongs to a project,
// "" for the caller's own. The API decides by it what it shows.
func (s *Service) Allows(ctx context.Context, action policy.Action, projectID string) bool {
	g := auth.From(ctx)
	return s.policy.Allows(ctx, action, policy.Target{"project_id": cmp.Or(projectID, g.ProjectID()), "user_id": g.UserID()})
}

// checkOwn checks what the caller wants to do in its own project.
func (s *Service) checkOwn(ctx context.Context, action policy.Action) error {
	g := auth.From(ctx)
	return s.policy.Check(ctx, action, policy.Target{"project_id": g.ProjectID(), "user_id": g.UserID()})
}

// emit tells of a change to a server.
func (s *Service) emit(ctx context.Context, tx *store.Tx, what string, srv *Server) error {
	return s.Events.Emit(ctx, tx, "compute", "server."+what, srv.ID, map[string]any{
		"id": srv.ID, "project_id": srv.ProjectID, "user_id": srv.UserID, "name": srv.Name, "host": srv.Host, "status": srv.Status(), "image_id": srv.ImageID, "flavor_id": srv.Flavor.ID,
	})
}

// write is a transaction that no other of this service runs beside, except for those of single
// servers.
func (s *Service) write(ctx context.Context, fn func(ctx context.Context, tx *store.Tx) error) error {
	return s.DB.Serial(ctx, "compute", fn)
}
