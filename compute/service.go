package compute

import (
	"context"
	"embed"

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
	return &Service{Deps: deps, policy: rules, quotas: quota.New("compute", map[quota.Resource]int{quotaKeypairs: 100})}, nil
}

// isAdmin tells whether the caller sees what is of all projects.
func (s *Service) isAdmin(ctx context.Context) bool {
	return s.policy.Allows(ctx, actionContextIsAdmin, nil)
}

// Allows reports whether the caller may do an action, for what an API shows to some only.
func (s *Service) Allows(ctx context.Context, action policy.Action) bool {
	return s.policy.Allows(ctx, action, nil)
}
