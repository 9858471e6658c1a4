package compute

import (
	"context"
	"math"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/store"
)

// Flavor is the size of a server, and its row.
type Flavor struct {
	bun.BaseModel `bun:"table:compute_flavors,alias:flavor"`
	ID            string            `bun:"id,pk"` // not always a UUID
	Version       int64             `bun:"version,notnull"`
	Name          string            `bun:"name,notnull"`
	Description   *string           `bun:"description"`
	VCPUs         int               `bun:"vcpus,notnull"`
	MemoryMiB     int               `bun:"memory_mib,notnull"`
	DiskGiB       int               `bun:"disk_gib,notnull"` // 0: as large as the image
	EphemeralGiB  int               `bun:"ephemeral_gib,notnull"`
	SwapMiB       int               `bun:"swap_mib,notnull"`
	RxTxFactor    float64           `bun:"rxtx_factor,notnull"`
	Public        bool              `bun:"public,notnull"` // for every project
	Disabled      bool              `bun:"disabled,notnull"`
	ExtraSpecs    map[string]string `bun:"extra_specs,notnull"`
	CreatedAt     time.Time         `bun:"created_at,notnull"`
	UpdatedAt     time.Time         `bun:"updated_at,notnull"`
}

// CreateFlavor is what an administrator may say of a new flavor.
type CreateFlavor struct {
	ID                        string // "" or "auto" has one made
	Name                      string
	Description               *string
	VCPUs, MemoryMiB, DiskGiB int
	EphemeralGiB, SwapMiB     int
	RxTxFactor                float64 // 0 is 1
	Private                   bool    // only for the projects that get access
}

// flavors says what flavors can be filtered and sorted by.
var flavors = store.Listing[Flavor]{
	Default: []store.Sort{{Field: "flavorid"}},
	Columns: map[string]store.Column{
		"id": {Name: "id"}, "flavorid": {Name: "id"}, "name": {Name: "name"}, "vcpus": {Name: "vcpus", Kind: store.Int},
		"memory_mb": {Name: "memory_mib", Kind: store.Int}, "root_gb": {Name: "disk_gib", Kind: store.Int},
		"ephemeral_gb": {Name: "ephemeral_gib", Kind: store.Int}, "swap": {Name: "swap_mib", Kind: store.Int},
		"rxtx_factor": {Name: "rxtx_factor", Kind: store.Float}, "is_public": {Name: "public", Kind: store.Bool},
		"disabled": {Name: "disabled", Kind: store.Bool}, "created_at": {Name: "created_at", Kind: store.Time}, "updated_at": {Name: "updated_at", Kind: store.Time},
		"minRam": {Name: "memory_mib", Kind: store.Int}, "minDisk": {Name: "disk_gib", Kind: store.Int},
	},
}

// CreateFlavor makes a flavor.
func (s *Service) CreateFlavor(ctx context.Context, in CreateFlavor) (*Flavor, error) {
	if err := s.policy.Check(ctx, ActionFlavorCreate, nil); err != nil {
		return nil, err
	}
	now := s.Clock.Now()
	f := &Flavor{ID: in.ID, Name: in.Name, Description: in.Description, VCPUs: in.VCPUs, MemoryMiB: in.MemoryMiB, DiskGiB: in.DiskGiB,
		EphemeralGiB: in.EphemeralGiB, SwapMiB: in.SwapMiB, RxTxFactor: in.RxTxFactor, Public: !in.Private, ExtraSpecs: map[string]string{}, CreatedAt: now, UpdatedAt: now}
	if f.ID == "" || f.ID == "auto" {
		f.ID = uuid.NewString()
	}
	if f.RxTxFactor == 0 {
		f.RxTxFactor = 1
	}
	if err := f.validate(); err != nil {
		return nil, err
	}
	return f, s.write(ctx, func(ctx context.Context, tx *store.Tx) error { return insertFlavor(ctx, tx, f) })
}

func insertFlavor(ctx context.Context, tx *store.Tx, f *Flavor) error {
	if _, err := store.Get[Flavor](ctx, tx, f.ID); err == nil {
		return errs.Conflictf("Flavor with ID %s already exists.", f.ID)
	}
	err := store.Insert(ctx, tx, f)
	if store.IsDuplicate(err) {
		return errs.Conflictf("Flavor with name %s already exists.", f.Name)
	}
	return err
}

// flavorID is what an id may be made of.
var flavorID = regexp.MustCompile(`^[a-zA-Z0-9. _-]{1,255}$`)

func (f *Flavor) validate() error {
	switch {
	case !flavorID.MatchString(f.ID) || f.ID != strings.TrimSpace(f.ID):
		return errs.Invalidf("id can only contain letters from A-Z (both upper and lower case), periods, dashes, underscores and spaces, and may not begin or end with a space")
	case strings.TrimSpace(f.Name) == "" || len(f.Name) > 255:
		return errs.Invalidf("Flavor names must be between 1 and 255 characters.")
	case f.VCPUs < 1 || f.VCPUs > math.MaxInt32 || f.MemoryMiB < 1 || f.MemoryMiB > math.MaxInt32:
		return errs.Invalidf("Flavor vcpus and ram must be integers between 1 and %d.", math.MaxInt32)
	case min(f.DiskGiB, f.EphemeralGiB, f.SwapMiB) < 0 || max(f.DiskGiB, f.EphemeralGiB, f.SwapMiB) > math.MaxInt32:
		return errs.Invalidf("Flavor disk, ephemeral and swap must be integers between 0 and %d.", math.MaxInt32)
	case !(f.RxTxFactor > 0) || f.RxTxFactor > math.MaxFloat32:
		return errs.Invalidf("Flavor rxtx_factor must be a number above 0.")
	case f.Description != nil && len(*f.Description) > 65535:
		return errs.Invalidf("Flavor descriptions have at most 65535 characters.")
	}
	return nil
}

// GetFlavor gives a flavor that the caller's project may use.
func (s *Service) GetFlavor(ctx context.Context, id string) (*Flavor, error) {
	if err := s.policy.Check(ctx, ActionFlavorsList, nil); err != nil {
		return nil, err
	}
	return s.findFlavor(ctx, s.DB.Read(), id)
}

// findFlavor gives a flavor; one that the caller may not use is not there.
// Administrators use all.
func (s *Service) findFlavor(ctx context.Context, db bun.IDB, id string) (*Flavor, error) {
	f := new(Flavor)
	q := db.NewSelect().Model(f).Where("flavor.id = ?", id)
	if !s.isAdmin(ctx) {
		q = usableBy(auth.From(ctx).ProjectID())(q)
	}
	err := q.Scan(ctx)
	if store.IsNone(err) {
		return nil, errs.NotFoundf("Flavor %s could not be found.", id)
	}
	return f, err
}

// usableBy narrows a query to the flavors that a project may use.
func usableBy(projectID string) store.Scope {
	return func(q *bun.SelectQuery) *bun.SelectQuery {
		return q.Where("(flavor.public OR EXISTS (SELECT 1 FROM compute_flavor_access WHERE flavor_id = flavor.id AND project_id = ?))", projectID)
	}
}

// FlavorsOf says which flavors a list is of.
type FlavorsOf int

// What lists are of. All but OwnFlavors are for administrators; others get
// their own whatever they ask for.
const (
	OwnFlavors     FlavorsOf = iota // the public ones, and those that the caller's project has access to
	PrivateFlavors                  // those that are not public
	AllFlavors
)

// ListFlavors gives a page of flavors.
func (s *Service) ListFlavors(ctx context.Context, of FlavorsOf, q store.Query) (list []Flavor, more bool, err error) {
	if err := s.policy.Check(ctx, ActionFlavorsList, nil); err != nil {
		return nil, false, err
	}
	scope := usableBy(auth.From(ctx).ProjectID())
	switch {
	case of == OwnFlavors || !s.isAdmin(ctx):
	case of == PrivateFlavors:
		scope = func(q *bun.SelectQuery) *bun.SelectQuery { return q.Where("NOT flavor.public") }
	case of == AllFlavors:
		scope = nil
	}
	return flavors.Find(ctx, s.DB.Read(), q, scope)
}

// DescribeFlavor sets a flavor's description, all that can be changed of it; nil takes it away.
func (s *Service) DescribeFlavor(ctx context.Context, id string, description *string) (*Flavor, error) {
	return s.changeFlavor(ctx, ActionFlavorUpdate, id, func(f *Flavor) (string, error) {
		f.Description = description
		return "description", f.validate()
	})
}

// changeFlavor writes the column that change names.
func (s *Service) changeFlavor(ctx context.Context, action policy.Action, id string, change func(f *Flavor) (column string, err error)) (f *Flavor, err error) {
	if err := s.policy.Check(ctx, action, nil); err != nil {
		return nil, err
	}
	err = s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if f, err = s.findFlavor(ctx, tx, id); err != nil {
			return err
		}
		column, err := change(f)
		if err != nil {
			return err
		}
		f.UpdatedAt = s.Clock.Now()
		return store.Update(ctx, tx, f, column, "updated_at")
	})
	return f, err
}

// DeleteFlavor removes a flavor. Servers keep what they took from it.
func (s *Service) DeleteFlavor(ctx context.Context, id string) error {
	if err := s.policy.Check(ctx, ActionFlavorDelete, nil); err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		f, err := s.findFlavor(ctx, tx, id)
		if err != nil {
			return err
		}
		if _, err := tx.NewDelete().Table("compute_flavor_access").Where("flavor_id = ?", f.ID).Exec(ctx); err != nil {
			return err
		}
		return store.Delete[Flavor](ctx, tx, f.ID)
	})
}
