package network

import (
	"context"
	"maps"
	"slices"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// createOne makes one resource in a transaction of its own.
func createOne[In, T any](ctx context.Context, s *Service, in In, create func(context.Context, *store.Tx, *In) (*T, error)) (*T, error) {
	return only(createAll(ctx, s, []In{in}, create))
}

// only gives the one of the resources that were made.
func only[T any](made []T, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	return &made[0], nil
}

// createAll makes resources, all of them or none.
func createAll[In, T any](ctx context.Context, s *Service, in []In, create func(context.Context, *store.Tx, *In) (*T, error)) (all []T, err error) {
	err = s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		all = make([]T, 0, len(in))
		for i := range in {
			row, err := create(ctx, tx, &in[i])
			if err != nil {
				return err
			}
			all = append(all, *row)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

type revisionKey struct{}

// WithRevision gives a context in which a resource is changed or deleted only
// when its revision is that one, else errs.Precondition (If-Match:
// revision_number=N).
func WithRevision(ctx context.Context, revision int64) context.Context {
	return context.WithValue(ctx, revisionKey{}, revision)
}

func expected(ctx context.Context, r *Standard) error {
	if want, says := ctx.Value(revisionKey{}).(int64); says && want != r.Version {
		return errs.New(errs.Precondition, "Constrained to %d, but current revision is %d", want, r.Version).WithCode("RevisionNumberConstraintFailed")
	}
	return nil
}

// set changes a field when there is something to change it to.
func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// or gives what was said, or else the default.
func or[T any](said *T, otherwise T) T {
	if said != nil {
		return *said
	}
	return otherwise
}

// orEmpty gives a list that is never nil: what is stored is never null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// said gives the names of the fields that were.
func said(fields map[string]bool) []string {
	maps.DeleteFunc(fields, func(_ string, is bool) bool { return !is })
	return slices.Sorted(maps.Keys(fields))
}

// first gives the first of the errors there are.
func first(all ...error) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}
