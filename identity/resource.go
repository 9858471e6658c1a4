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

// maxList bounds a list, as Keystone's list_limit does.
const maxList = 10000

// resource is what the service knows of one kind of rows.
type resource[T any] struct {
	noun    string
	target  func(*T) policy.Target // for policy
	clash   func(*T) string        // which value is taken already
	enabled func(*T) bool          // of what can be disabled
	listing store.Listing[T]
}

// get gives a row on which the caller may do action. Who may not is told the
// same whether it is there or not.
func (r *resource[T]) get(ctx context.Context, s *Service, db bun.IDB, action policy.Action, id string) (*T, error) {
	row, err := store.Get[T](ctx, db, id)
	if err != nil && !store.IsNone(err) {
		return nil, err
	}
	var target policy.Target
	if err == nil {
		target = r.target(row)
	}
	if denied := s.check(ctx, action, target); denied != nil {
		return nil, denied
	}
	if err != nil {
		return nil, missing(r.noun, id)
	}
	return row, nil
}

// need tells that there is no row of that id.
func (r *resource[T]) need(ctx context.Context, db bun.IDB, id string) (*T, error) {
	row, err := store.Get[T](ctx, db, id)
	if store.IsNone(err) {
		return nil, missing(r.noun, id)
	}
	return row, err
}

// describe adds what policy asks of a row, or tells that it is not there.
func (r *resource[T]) describe(ctx context.Context, db bun.IDB, id string, target policy.Target) error {
	row, err := r.need(ctx, db, id)
	if err == nil {
		maps.Copy(target, r.target(row))
	}
	return err
}

// usable gives a row that is there and enabled, to those who authenticate.
func (r *resource[T]) usable(ctx context.Context, db bun.IDB, id string) (*T, error) {
	row, err := store.Get[T](ctx, db, id)
	switch {
	case store.IsNone(err):
		return nil, unauthenticated("there is no %s %s", r.noun, id)
	case err != nil:
		return nil, err
	case !r.enabled(row):
		return nil, unauthenticated("the %s %s is disabled", r.noun, id)
	}
	return row, nil
}

// list gives rows; policy is told the domain that the caller is scoped to.
func (r *resource[T]) list(ctx context.Context, s *Service, action policy.Action, q store.Query, scope store.Scope) ([]T, bool, error) {
	domain := auth.From(ctx).DomainID()
	if err := s.check(ctx, action, policy.Target{"target.domain_id": domain, "target.domain.id": domain}); err != nil {
		return nil, false, err
	}
	return r.listing.Find(ctx, s.DB.Read(), q, scope)
}

// create stores a new row that the caller may make; before, which may be nil,
// looks at what it refers to.
func (r *resource[T]) create(ctx context.Context, s *Service, action policy.Action, id string, row *T, before func(ctx context.Context, tx *store.Tx) error) error {
	if err := s.check(ctx, action, r.target(row)); err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if before != nil {
			if err := before(ctx, tx); err != nil {
				return err
			}
		}
		if err := r.stored(row, store.Insert(ctx, tx, row)); err != nil {
			return err
		}
		return s.changed(ctx, tx, r.event("created"), id, row)
	})
}

// ensure gives the row that the condition finds, or else stores this one. It asks no policy.
func (r *resource[T]) ensure(ctx context.Context, s *Service, tx *store.Tx, id string, fresh *T, where string, args ...any) (*T, error) {
	row := new(T)
	err := tx.NewSelect().Model(row).Where(where, args...).Order("id").Limit(1).Scan(ctx)
	if !store.IsNone(err) {
		return row, err
	}
	if err := store.Insert(ctx, tx, fresh); err != nil {
		return nil, err
	}
	return fresh, s.changed(ctx, tx, r.event("created"), id, fresh)
}

// update lets fn change a row that the caller may do action on, before and
// after, and stores these columns.
func (r *resource[T]) update(ctx context.Context, s *Service, action policy.Action, id string, fn func(ctx context.Context, tx *store.Tx, row *T) error, columns ...string) (row *T, err error) {
	err = s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if row, err = r.get(ctx, s, tx, action, id); err != nil {
			return err
		}
		if err := fn(ctx, tx, row); err != nil {
			return err
		}
		if err := s.check(ctx, action, r.target(row)); err != nil {
			return err
		}
		if err := r.stored(row, store.Update(ctx, tx, row, columns...)); err != nil {
			return err
		}
		return s.changed(ctx, tx, r.event("updated"), id, row)
	})
	return row, err
}

// remove deletes a row that the caller may do action on; before, which may be
// nil, refuses or takes away what hangs on it.
func (r *resource[T]) remove(ctx context.Context, s *Service, action policy.Action, id string, before func(ctx context.Context, tx *store.Tx, row *T) error) error {
	return s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		row, err := r.get(ctx, s, tx, action, id)
		if err != nil {
			return err
		}
		if before != nil {
			if err := before(ctx, tx, row); err != nil {
				return err
			}
		}
		if err := store.Delete[T](ctx, tx, id); err != nil {
			return err
		}
		return s.changed(ctx, tx, r.event("deleted"), id, row)
	})
}

func (r *resource[T]) stored(row *T, err error) error {
	if store.IsDuplicate(err) {
		return errs.Conflictf("Conflict occurred attempting to store %s - Duplicate entry found with %s.", r.noun, r.clash(row))
	}
	return err
}

func (r *resource[T]) event(what string) string { return r.noun + "." + what }

// inDomain narrows a list to the domain that the caller is scoped to, if any.
func inDomain(ctx context.Context, column string) store.Scope {
	id := auth.From(ctx).DomainID()
	return func(q *bun.SelectQuery) *bun.SelectQuery {
		if id == "" {
			return q
		}
		return q.Where("?TableAlias.? = ?", bun.Ident(column), id)
	}
}
