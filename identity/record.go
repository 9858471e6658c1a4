package identity

import (
	"context"
	"maps"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/store"
)

// record is a row that the API serves under its id.
type record[T any] interface {
	*T
	noun() string          // "user", in messages, events and policy
	key() string           // its id
	target() policy.Target // what policy knows of it
	taken() string         // says what is not unique about it
}

// find gives the row with that id when the caller may do action on it. Who may
// not is told the same whether it is there or not (in Keystone's way, 403).
func find[T any, R record[T]](ctx context.Context, s *Service, db bun.IDB, action policy.Action, id string) (R, error) {
	row, err := store.Get[T](ctx, db, id)
	switch {
	case store.IsNone(err):
		if err := s.check(ctx, action, nil); err != nil {
			return nil, err
		}
		return nil, notFound(R(nil).noun(), id)
	case err != nil:
		return nil, err
	}
	return row, s.check(ctx, action, R(row).target())
}

// get is find for callers who only want to see the row.
func get[T any, R record[T]](ctx context.Context, s *Service, action policy.Action, id string) (R, error) {
	row, err := find[T, R](ctx, s, s.DB.Read(), action, id)
	if err != nil {
		return nil, err
	}
	return row, nil
}

// exists is for rows that another one refers to.
func exists[T any, R record[T]](ctx context.Context, db bun.IDB, id string) (R, error) {
	row, err := store.Get[T](ctx, db, id)
	if err != nil {
		return nil, missing(err, R(nil).noun(), id)
	}
	return row, nil
}

// insert adds a row and tells of it.
func insert[T any, R record[T]](ctx context.Context, s *Service, tx *store.Tx, row R) error {
	if err := store.Insert(ctx, tx, (*T)(row)); err != nil {
		return duplicate(err, row.noun(), row.taken())
	}
	return s.emit(ctx, tx, row.noun()+".created", row.key())
}

// update writes columns of a row and tells of it.
func update[T any, R record[T]](ctx context.Context, s *Service, tx *store.Tx, row R, columns ...string) error {
	if err := store.Update(ctx, tx, (*T)(row), columns...); err != nil {
		return duplicate(missing(err, row.noun(), row.key()), row.noun(), row.taken())
	}
	return s.emit(ctx, tx, row.noun()+".updated", row.key())
}

// remove deletes a row and tells of it.
func remove[T any, R record[T]](ctx context.Context, s *Service, tx *store.Tx, row R) error {
	if err := store.Delete[T](ctx, tx, row.key()); err != nil {
		return missing(err, row.noun(), row.key())
	}
	return s.emit(ctx, tx, row.noun()+".deleted", row.key())
}

// emit tells other services; the payload is the id and nothing that could be secret.
func (s *Service) emit(ctx context.Context, tx *store.Tx, what, id string) error {
	return s.Events.Emit(ctx, tx, "identity", what, id, map[string]string{"id": id})
}

// Options are the settings of a resource that Keystone knows by name ("immutable").
type Options map[string]any

// immutable reports whether the resource must not be changed or deleted.
func (o Options) immutable() bool { return o["immutable"] == true }

// merge gives o with changes; null takes an option away.
func (o Options) merge(changes Options) Options {
	merged := Options{}
	maps.Copy(merged, o)
	maps.Copy(merged, changes)
	maps.DeleteFunc(merged, func(_ string, v any) bool { return v == nil })
	return merged
}

// mayUpdate refuses changes of an immutable resource, but for the one that
// makes it mutable and nothing else.
func (o Options) mayUpdate(noun, id string, changes Options, others bool) error {
	value, named := changes["immutable"]
	frees := named && (value == nil || value == false) && len(changes) == 1 && !others
	if !o.immutable() || frees {
		return nil
	}
	return errs.Forbiddenf("Unable to update immutable %s resource: `%s. Set resource option \"immutable\" to false first.", noun, id)
}

// mayDelete refuses to delete an immutable resource.
func (o Options) mayDelete(noun, id string) error {
	if !o.immutable() {
		return nil
	}
	return errs.Forbiddenf("Unable to delete immutable %s resource: `%s. Set resource option \"immutable\" to false first.", noun, id)
}

// Extra are attributes that mean nothing to the service and are kept for the caller.
type Extra map[string]any

// merge gives e with changes.
func (e Extra) merge(changes Extra) Extra {
	merged := Extra{}
	maps.Copy(merged, e)
	maps.Copy(merged, changes)
	return merged
}

func orEmpty[M ~map[string]any](m M) M {
	if m == nil {
		return M{}
	}
	return m
}

// set takes over what an update names.
func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// ownDomain is the target of lists: in domain scope a caller asks for that domain.
func ownDomain(g auth.Grant) policy.Target {
	t := policy.Target{}
	if id := g.DomainID(); id != "" {
		t["target.domain_id"], t["target.domain.id"] = id, id
	}
	return t
}

// inDomain narrows a list to the domain that the caller is scoped to.
func inDomain(g auth.Grant, column string) store.Scope {
	id := g.DomainID()
	if id == "" {
		return nil
	}
	return func(q *bun.SelectQuery) *bun.SelectQuery { return q.Where("?TableAlias.? = ?", bun.Ident(column), id) }
}
