package network

import (
	"cmp"
	"context"
	"embed"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/event"
	"github.com/cumulite/cumulite/platform/flow"
	"github.com/cumulite/cumulite/platform/lease"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/quota"
	"github.com/cumulite/cumulite/platform/rpc"
	"github.com/cumulite/cumulite/platform/store"
)

// Deps are what the service stands on; all of them are required.
type Deps struct {
	DB      *store.Store // with the tables of Migrations and of the event, flow and quota packages
	Clock   clock.Clock
	Ops     *flow.Engine
	Events  *event.Bus
	Drivers map[string]Driver // of the hosts that are there from the start, by name; see AddHost
}

// Options are the service's settings; nil means the defaults.
type Options struct {
	Policy *policy.Overrides // of Policies
	Logger *slog.Logger      // nil discards
	// TenantType is the provider:network_type of networks that name none. Default: "vxlan".
	TenantType string
	// Segments is the highest segmentation id that is given out. Default: 1000.
	Segments int
	// MTU is that of networks that name none, and the largest. Default: 1450.
	MTU int
	// Leases say which of a cloud's processes brings hosts in order. nil: there is no other.
	Leases *lease.Leases
	// Heartbeat is how often hosts are asked whether they are there. Default: 4 s.
	Heartbeat time.Duration
	// RouterMove is how long a host may not answer before its routers move to
	// another, which ends what is translated on them. Default: 30 s.
	RouterMove time.Duration
}

// Service holds the rules and rows of networks. Its methods check by policy
// what the Grant in ctx may do; what the caller may not see is errs.NotFound.
type Service struct {
	Deps
	policy   *policy.Enforcer
	quotas   *quota.Book
	log      *slog.Logger
	o        Options
	apply    *flow.Handle[applyArgs]
	hands    hands
	drivers  *rpc.Roster[Driver]
	beats    beats
	keeps    atomic.Bool                                          // this process brings the hosts in order
	metadata func(ctx context.Context, p *Port) (Metadata, error) // may be nil
}

//go:embed *.sql
var files embed.FS

// Migrations gives the service's tables.
func Migrations() store.Migrations { return store.Migrations{Name: "network", Files: files} }

// New gives the service, and registers its operation with Deps.Ops and its
// subscription with Deps.Events, which must not run yet.
func New(deps Deps, opts *Options) (*Service, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	rules, err := policy.New(Policies(), o.Policy)
	if err != nil {
		return nil, err
	}
	o.TenantType, o.Segments, o.MTU = cmp.Or(o.TenantType, "vxlan"), cmp.Or(o.Segments, 1000), cmp.Or(o.MTU, 1450)
	o.Heartbeat, o.RouterMove = cmp.Or(o.Heartbeat, 4*time.Second), cmp.Or(o.RouterMove, 30*time.Second)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Service{Deps: deps, policy: rules, quotas: quota.New("network", defaultQuotas), log: o.Logger, o: o, drivers: rpc.NewRoster(deps.Drivers)}
	s.apply = flow.Register(deps.Ops, s.applyOperation())
	deps.Events.Subscribe("network", []string{"identity.project.deleted"}, s.projectDeleted)
	return s, nil
}

// Allows tells whether the caller of ctx may do action on a resource of that
// project: for fields that not everyone is shown.
func (s *Service) Allows(ctx context.Context, action policy.Action, projectID string) bool {
	return s.policy.Allows(ctx, action, policy.Target{"project_id": projectID})
}

// seesAll tells whether the caller sees the resources of every project.
func seesAll(g auth.Grant) bool { return g.HasRole("admin") || g.HasRole(auth.ServiceRole) }

// owner gives the project of a new resource: the caller's, or for
// administrators any.
func owner(ctx context.Context, named string) (string, error) {
	g := auth.From(ctx)
	if named != "" && named != g.ProjectID() && !seesAll(g) {
		return "", errs.Invalidf("Specifying 'project_id' or 'tenant_id' other than the authenticated project in request requires admin privileges")
	}
	return cmp.Or(named, g.ProjectID()), nil
}

// invalid is Neutron's InvalidInput.
func invalid(format string, args ...any) error {
	return errs.Invalidf("Invalid input for operation: "+format+".", args...).WithCode("InvalidInput")
}

// write is a transaction that no other of this service runs beside.
func (s *Service) write(ctx context.Context, fn func(ctx context.Context, tx *store.Tx) error) error {
	return s.DB.Serial(ctx, "network", fn)
}
