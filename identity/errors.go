package identity

import (
	"context"
	"errors"
	"fmt"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/store"
)

// unauthenticated is the answer to every login and token that is refused. The
// cause is for the log; the caller is told nothing that helps to guess.
func unauthenticated(format string, args ...any) error {
	return errs.New(errs.Unauthenticated, "The request you have made requires authentication.").Because(fmt.Errorf(format, args...))
}

func notFound(noun, id string) error {
	e := errs.NotFoundf("Could not find %s: %s.", noun, id)
	e.Resource, e.ID = noun, id
	return e
}

// missing makes an error that says that a row is not there NotFound, and keeps others.
func missing(err error, noun, id string) error {
	if store.IsNone(err) {
		return notFound(noun, id)
	}
	return err
}

// duplicate makes a violated unique constraint a Conflict.
func duplicate(err error, noun, details string) error {
	if store.IsDuplicate(err) {
		return errs.Conflictf("Conflict occurred attempting to store %s - %s.", noun, details).Because(err)
	}
	return err
}

// check asks policy, and words a refusal as Keystone does.
func (s *Service) check(ctx context.Context, action policy.Action, target policy.Target) error {
	err := s.policy.Check(ctx, action, target)
	var e *errs.Error
	if errors.As(err, &e) && e.Kind == errs.Forbidden {
		return errs.Forbiddenf("You are not authorized to perform the requested action: %s.", action).Because(err)
	}
	return err
}
