package identity

import (
	"cmp"
	"context"
	"database/sql"
	"embed"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
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
	// RefuseRescope has tokens of a scope not be taken for another scope
	// ([token]allow_rescope_scoped_token = false).
	RefuseRescope bool
}

// Service holds the rules and rows of identity. Its methods check by policy
// what the Grant in ctx may do.
type Service struct {
	Deps
	policy    *policy.Enforcer
	log       *slog.Logger
	lifetime  time.Duration
	rescope   bool
	passwords *hasher
	settling  pending

	// What is remembered of the rows, each part with the revision it was read at.
	revision  revision
	tokens    *cache[hashed, known]
	standings *cache[asked, *standing]
	rules     atomic.Pointer[rules]
	reading   sync.Mutex // of rules
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
	size := cmp.Or(o.CachedTokens, 20000)
	return &Service{
		Deps: deps, policy: rules, log: o.Logger, lifetime: cmp.Or(o.TokenLifetime, time.Hour), rescope: !o.RefuseRescope,
		passwords: newHasher(cmp.Or(o.PasswordCost, 12)), revision: revision{db: deps.DB},
		tokens: newCache[hashed, known](size), standings: newCache[asked, *standing](size),
	}, nil
}

// Run learns of changes that other processes make, forgets what has expired
// and rotates the keys of tokens, until ctx is done. Without it each verification asks the database.
func (s *Service) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { s.revision.follow(ctx, s.log) })
	wg.Go(func() { s.runUpkeep(ctx) })
	wg.Wait()
	return nil
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
	if err := s.revision.raise(ctx, tx); err != nil {
		return err
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

// someRow tells whether a statement changed anything.
func someRow(res sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// write is a transaction that no other of this service runs beside.
func (s *Service) write(ctx context.Context, fn func(ctx context.Context, tx *store.Tx) error) error {
	return s.DB.Serial(ctx, "identity", fn)
}
