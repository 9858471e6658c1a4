package image

import (
	"cmp"
	"context"
	"embed"
	"log/slog"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/event"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/quota"
	"github.com/cumulite/cumulite/platform/store"
)

// Deps are what the service stands on; all of them are required.
type Deps struct {
	DB     *store.Store // with the tables of Migrations and of the event and quota packages
	Clock  clock.Clock
	Events *event.Bus
	Store  Store
}

// Options are the service's settings; nil means the defaults.
type Options struct {
	Policy *policy.Overrides // of Policies
	Logger *slog.Logger      // nil discards
	// MaxSize bounds one image in bytes. Default: 1 TiB.
	MaxSize int64
}

// Service holds the rules and rows of images. Its methods check by policy what
// the Grant in ctx may do.
type Service struct {
	Deps
	policy  *policy.Enforcer
	quotas  *quota.Book
	log     *slog.Logger
	maxSize int64
}

//go:embed *.sql
var files embed.FS

// Migrations gives the service's tables.
func Migrations() store.Migrations { return store.Migrations{Name: "image", Files: files} }

// The limits of a project, by the names of Glance's registered limits.
const quotaImages quota.Resource = "image_count_total"

// New gives the service. Recover must be called once before its first use.
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
	return &Service{Deps: deps, policy: rules, log: o.Logger, maxSize: cmp.Or(o.MaxSize, 1<<40),
		quotas: quota.New("image", map[quota.Resource]int{quotaImages: quota.Unlimited})}, nil
}

// target is what policy knows of an image.
func (i *Image) target() policy.Target {
	return policy.Target{"project_id": i.Owner, "owner": i.Owner, "visibility": string(i.Visibility), "protected": i.Protected}
}

// seesAll tells whether the caller sees the images of every project.
func seesAll(g auth.Grant) bool { return g.HasRole("admin") || g.HasRole(auth.ServiceRole) }

// visible tells whether the caller may know of i.
func (i *Image) visible(g auth.Grant) bool {
	return seesAll(g) || i.Visibility == Public || i.Visibility == Community || i.Owner == g.ProjectID() && i.Owner != ""
}

// emit tells of a change to i.
func (s *Service) emit(ctx context.Context, tx *store.Tx, what string, i *Image) error {
	return s.Events.Emit(ctx, tx, "image", "image."+what, i.ID, map[string]any{"id": i.ID, "owner": i.Owner, "status": i.Status})
}

// write is a transaction that no other of this service runs beside.
func (s *Service) write(ctx context.Context, fn func(ctx context.Context, tx *store.Tx) error) error {
	return s.DB.Serial(ctx, "image", fn)
}
