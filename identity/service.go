package identity

import (
	"cmp"
	"context"
	"embed"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/cumulite/cumulite/identity/fernet"
	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/event"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/secret"
	"github.com/cumulite/cumulite/platform/store"
)

// Deps are what the service stands on; all of them are required.
type Deps struct {
	DB     *store.Store // with the tables of Migrations and of the event package
	Clock  clock.Clock
	Events *event.Bus
	Keys   *fernet.Keys
}

// Options are the service's settings; nil means the defaults.
type Options struct {
	Policy *policy.Overrides // of Policies
	Logger *slog.Logger      // nil discards
	// TokenLife is how long a token lasts after a login. Default: an hour.
	TokenLife time.Duration
	// HashCost is bcrypt's cost of new passwords. Default: 12, a quarter of a
	// second; 4 is the least, for tests and ephemeral clouds.
	HashCost int
	// CacheSize bounds how many verified tokens are remembered. Default: 20,000.
	CacheSize int
}

// Service holds the rules and rows of identity. Its methods check by policy
// what the Grant in ctx may do; Authenticate, Verify and Bootstrap need none.
type Service struct {
	Deps
	opts   Options
	log    *slog.Logger
	policy *policy.Enforcer

	revision  *revision
	grants    *cache[tokenHash, auth.Grant] // by token
	accesses  *cache[accessKey, *access]    // by user and scope
	directory directoryCache

	hashing    chan struct{} // bounds how many passwords are hashed at once
	background sync.WaitGroup
	pending    pending
}

var _ auth.Verifier = (*Service)(nil)

//go:embed *.sql
var files embed.FS

// Migrations gives the service's tables.
func Migrations() store.Migrations { return store.Migrations{Name: "identity", Files: files} }

// New gives the service over what the store has.
func New(ctx context.Context, deps Deps, opts *Options) (*Service, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	rules, err := policy.New(Policies(), o.Policy)
	if err != nil {
		return nil, err
	}
	o.TokenLife = cmp.Or(o.TokenLife, time.Hour)
	o.HashCost = cmp.Or(o.HashCost, defaultHashCost)
	o.CacheSize = cmp.Or(o.CacheSize, 20_000)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Service{
		Deps: deps, opts: o, log: o.Logger, policy: rules,
		revision: &revision{db: deps.DB},
		grants:   newCache[tokenHash, auth.Grant](o.CacheSize),
		accesses: newCache[accessKey, *access](o.CacheSize),
		hashing:  make(chan struct{}, maxHashing()),
	}
	return s, s.revision.load(ctx)
}

// Close waits for what Bootstrap left to do. The store must still be open.
func (s *Service) Close() { s.background.Wait() }

// newID makes an id in Keystone's form: a UUID without hyphens.
func newID() string { return strings.ReplaceAll(uuid.NewString(), "-", "") }

// tokenHash stands for a token in memory.
type tokenHash [32]byte

// Token is a token with what it grants.
type Token struct {
	Text  secret.String
	Grant auth.Grant
}
