package identity

import (
	"cmp"
	"context"
	"embed"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/cumulite/cumulite/identity/token"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/event"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/store"
)

// DefaultDomain is the id of the domain that Bootstrap makes.
const DefaultDomain = "default"

// Deps are what the service stands on; all of them are required.
type Deps struct {
	DB     *store.Store // with the tables of Migrations and of the event package
	Clock  clock.Clock
	Events *event.Bus
	Keys   *token.Keys
}

// Options are the service's settings; nil means the defaults.
type Options struct {
	Policy *policy.Overrides // of Policies
	Logger *slog.Logger      // nil discards
	// TokenLifetime is how long a token is valid. Default: one hour.
	TokenLifetime time.Duration
	// PasswordCost is bcrypt's: each step doubles the time of a login. Default: 12.
	PasswordCost int
	// CachedTokens bounds how many verified tokens are remembered. Default: 20,000.
	CachedTokens int
}

// Service holds the rules and rows of identity. Its methods check by policy
// what the Grant in ctx may do.
type Service struct {
	Deps
	policy    *policy.Enforcer
	log       *slog.Logger
	lifetime  time.Duration
	passwords *hasher
}

//go:embed *.sql
var files embed.FS

// Migrations gives the service's tables.
func Migrations() store.Migrations { return store.Migrations{Name: "identity", Files: files} }

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
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	passwords, err := newHasher(cmp.Or(o.PasswordCost, 12))
	if err != nil {
		return nil, err
	}
	return &Service{Deps: deps, policy: rules, log: o.Logger, lifetime: cmp.Or(o.TokenLifetime, time.Hour), passwords: passwords}, nil
}

// check says in Keystone's words that the caller may not do action on target.
func (s *Service) check(ctx context.Context, action policy.Action, target policy.Target) error {
	err := s.policy.Check(ctx, action, target)
	if errs.Is(err, errs.Forbidden) {
		return errs.Forbiddenf("You are not authorized to perform the requested action: %s.", action)
	}
	return err
}

// changed raises the revision, since grants made before may no longer hold,
// and tells of the change. It is called last in a transaction.
func (s *Service) changed(ctx context.Context, tx *store.Tx, what, id string, payload any) error {
	var revision int64
	if err := tx.QueryRow(ctx, "UPDATE identity_revision SET revision = revision + ? RETURNING revision", 1).Scan(&revision); err != nil {
		return errs.Wrap(err, "raise the revision")
	}
	return s.Events.Emit(ctx, tx, "identity", what, id, payload)
}

// newID makes an id as Keystone does: a UUID without dashes.
func newID() string { return strings.ReplaceAll(uuid.NewString(), "-", "") }

func missing(noun, id string) error { return errs.NotFoundf("Could not find %s: %s.", noun, id) }

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}
