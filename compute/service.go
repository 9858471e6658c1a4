package compute

import (
	"cmp"
	"context"
	"embed"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/quota"
	"github.com/cumulite/cumulite/platform/store"
)

// Deps are what the service stands on; all of them are required.
type Deps struct {
	DB    *store.Store // with the tables of Migrations and of the quota package
	Clock clock.Clock
}

// Options are the service's settings; nil means the defaults.
type Options struct {
	Policy *policy.Overrides // of Policies
}

// Service holds the rules and rows of compute. Its methods check by policy what
// the Grant in ctx may do.
type Service struct {
	Deps
	policy *policy.Enforcer
	quotas *quota.Book
}

//go:embed *.sql
var files embed.FS

// Migrations gives the service's tables.
func Migrations() store.Migrations { return store.Migrations{Name: "compute", Files: files} }

// New gives the service.
func New(deps Deps, opts *Options) (*Service, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	rules, err := policy.New(Policies(), o.Policy)
	if err != nil {
		return nil, err
	}
	return &Service{Deps: deps, policy: rules, quotas: quota.New("compute", quotaDefaults)}, nil
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
