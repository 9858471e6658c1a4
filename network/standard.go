package network

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/store"
)

// Standard is what every resource has.
type Standard struct {
	ID          string    `bun:"id,pk"`
	ProjectID   string    `bun:"project_id,notnull"`
	Name        string    `bun:"name,notnull"`
	Description string    `bun:"description,notnull"`
	Version     int64     `bun:"version,notnull"` // revision_number
	CreatedAt   time.Time `bun:"created_at,notnull"`
	UpdatedAt   time.Time `bun:"updated_at,notnull"`
	Tags        []string  `bun:"-"` // sorted; rows of their own
}

func (r *Standard) standard() *Standard { return r }

// resource is a pointer to a row with Standard in it.
type resource[T any] interface {
	*T
	standard() *Standard
	target() policy.Target // what policy knows of it
}

func (r *Standard) target() policy.Target {
	return policy.Target{"project_id": r.ProjectID, "tenant_id": r.ProjectID}
}

// counter counts resources of a project.
type counter func(ctx context.Context, tx *store.Tx, projectID, resource string, n int) error

// kind says what is the same for all resources of one kind.
type kind[T any, P resource[T]] struct {
	noun    string // "Network", in faults
	name    string // "network", in actions and events
	missing string // "%s could not be found", for faults
	listing store.Listing[T]
	visible func(g auth.Grant, q *bun.SelectQuery) *bun.SelectQuery // narrows a list for those who do not see all
	load    func(ctx context.Context, db bun.IDB, rows []T) error   // fills what is kept in rows of its own; may be nil
}

// notFound is the fault for what is not there, or not to be seen.
func (k *kind[T, P]) notFound(id string) error {
	return errs.NotFoundf(k.missing, id).WithCode(k.noun + "NotFound")
}

func (k *kind[T, P]) action(verb string) policy.Action { return policy.Action(verb + "_" + k.name) }

// find gives a resource that the caller may see, whole.
func (k *kind[T, P]) find(ctx context.Context, s *Service, db bun.IDB, id string) (P, error) {
	rows, _, err := k.listing.Find(ctx, db, store.Query{Limit: 1, Filters: []store.Filter{{Field: "id", Values: []string{id}}}}, k.scope(ctx))
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 || id == "" {
		return nil, k.notFound(id)
	}
	if err := k.fill(ctx, db, rows); err != nil {
		return nil, err
	}
	p := P(&rows[0])
	if !s.policy.Allows(ctx, k.action("get"), p.target()) {
		return nil, k.notFound(id)
	}
	return p, nil
}

// findFor is find for an action, on these fields, that the caller must be
// allowed; the resource must have the revision that the caller expects.
func (k *kind[T, P]) findFor(ctx context.Context, s *Service, tx *store.Tx, verb, id string, fields ...string) (P, error) {
	p, err := k.find(ctx, s, tx, id)
	if err != nil {
		return nil, err
	}
	if err := k.check(ctx, s, verb, p, fields...); err != nil {
		return nil, err
	}
	return p, expected(ctx, p.standard())
}

// mayCreate tells whether the caller may make p with these fields.
func (k *kind[T, P]) mayCreate(ctx context.Context, s *Service, p P, fields ...string) error {
	return k.check(ctx, s, "create", p, fields...)
}

// check asks the policy of an action, and those of fields: "create_network:shared".
func (k *kind[T, P]) check(ctx context.Context, s *Service, verb string, p P, fields ...string) error {
	if err := s.policy.Check(ctx, k.action(verb), p.target()); err != nil {
		return err
	}
	for _, f := range fields {
		if err := s.policy.Check(ctx, k.action(verb)+policy.Action(":"+f), p.target()); err != nil {
			return err
		}
	}
	return nil
}

// list gives a page of what the caller sees.
func (k *kind[T, P]) list(ctx context.Context, s *Service, q store.Query) (rows []T, more bool, err error) {
	rows, more, err = k.listing.Find(ctx, s.DB.Read(), q, k.scope(ctx))
	if err != nil {
		return nil, false, err
	}
	if err := k.fill(ctx, s.DB.Read(), rows); err != nil {
		return nil, false, err
	}
	rows = slices.DeleteFunc(rows, func(r T) bool { return !s.policy.Allows(ctx, k.action("get"), P(&r).target()) })
	return rows, more, nil
}

func (k *kind[T, P]) scope(ctx context.Context) store.Scope {
	g := auth.From(ctx)
	return func(q *bun.SelectQuery) *bun.SelectQuery {
		if seesAll(g) {
			return q
		}
		return k.visible(g, q)
	}
}

// own narrows to the caller's project.
func own(g auth.Grant, q *bun.SelectQuery) *bun.SelectQuery {
	return q.Where("?TableAlias.project_id = ? AND ? <> ''", g.ProjectID(), g.ProjectID())
}

func (k *kind[T, P]) fill(ctx context.Context, db bun.IDB, rows []T) error {
	if k.load != nil && len(rows) > 0 {
		if err := k.load(ctx, db, rows); err != nil {
			return err
		}
	}
	byID := map[string]*Standard{}
	for i := range rows {
		byID[P(&rows[i]).standard().ID] = P(&rows[i]).standard()
	}
	return loadTags(ctx, db, byID)
}

// insert adds a new resource that was asked for: the project's quota must have
// room for it.
func (k *kind[T, P]) insert(ctx context.Context, s *Service, tx *store.Tx, p P) error {
	return k.add(ctx, s, tx, p, s.use)
}

// add adds a new resource, counted by count and told of. It keeps an id that
// was chosen before.
func (k *kind[T, P]) add(ctx context.Context, s *Service, tx *store.Tx, p P, count counter) error {
	r := p.standard()
	r.ID, r.Version, r.CreatedAt = cmp.Or(r.ID, uuid.NewString()), 1, s.Clock.Now()
	r.UpdatedAt = r.CreatedAt
	if err := store.Insert(ctx, tx, (*T)(p)); err != nil {
		return err
	}
	if err := count(ctx, tx, r.ProjectID, k.name, 1); err != nil {
		return err
	}
	return k.tell(ctx, s, tx, "created", p)
}

// update writes columns of a resource, and that it was changed.
func (k *kind[T, P]) update(ctx context.Context, s *Service, tx *store.Tx, p P, columns ...string) error {
	p.standard().UpdatedAt = s.Clock.Now()
	if err := store.Update(ctx, tx, (*T)(p), append(columns, "updated_at")...); err != nil {
		return err
	}
	return k.tell(ctx, s, tx, "updated", p)
}

// remove deletes a resource with its tags, and counts it no more.
func (k *kind[T, P]) remove(ctx context.Context, s *Service, tx *store.Tx, p P) error {
	r := p.standard()
	if err := store.Delete[T](ctx, tx, r.ID); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "DELETE FROM network_tags WHERE resource_id = ?", r.ID); err != nil {
		return err
	}
	if err := s.count(ctx, tx, r.ProjectID, k.name, -1); err != nil {
		return err
	}
	return k.tell(ctx, s, tx, "deleted", p)
}

// tell tells of a change. Of a port it is also told which device it was of.
func (k *kind[T, P]) tell(ctx context.Context, s *Service, tx *store.Tx, what string, p P) error {
	r := p.standard()
	payload := map[string]any{"id": r.ID, "project_id": r.ProjectID, "name": r.Name}
	if port, is := any(p).(*Port); is {
		payload["device_id"] = port.DeviceID
	}
	return s.Events.Emit(ctx, tx, "network", k.name+"."+what, r.ID, payload)
}

// columns gives the fields by which all resources are filtered and sorted,
// and more of a kind: "mtu", or "mtu:int" where it is no text.
func columns(more ...string) map[string]store.Column {
	all := map[string]store.Column{
		"id": {Name: "id"}, "project_id": {Name: "project_id"}, "tenant_id": {Name: "project_id"}, "name": {Name: "name"},
		"description": {Name: "description"}, "revision_number": {Name: "version", Kind: store.Int},
		"created_at": {Name: "created_at", Kind: store.Time}, "updated_at": {Name: "updated_at", Kind: store.Time},
		"changed_since": {Filter: changedSince},
	}
	for _, c := range more {
		name, as, _ := strings.Cut(c, ":")
		all[name] = store.Column{Name: name, Kind: map[string]store.Kind{"int": store.Int, "bool": store.Bool}[as]}
	}
	for name, filter := range tagFilters {
		all[name] = store.Column{Filter: filter}
	}
	return all
}

// with adds columns whose API name is not their own.
func with(all map[string]store.Column, more map[string]store.Column) map[string]store.Column {
	for name, c := range more {
		all[name] = c
	}
	return all
}

func changedSince(q *bun.SelectQuery, f store.Filter) (*bun.SelectQuery, error) {
	for _, v := range f.Values {
		at, err := time.Parse("2006-01-02T15:04:05", strings.TrimSuffix(v, "Z"))
		if err != nil {
			return nil, errs.Invalidf("The input changed_since must be in the following format: YYYY-MM-DDTHH:MM:SS").WithCode("InvalidInput")
		}
		q = q.Where("?TableAlias.updated_at >= ?", at)
	}
	return q, nil
}
