package identity

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/store"
)

// TargetType says what a role is given on.
type TargetType string

// The kinds of targets.
const (
	OnProject TargetType = "project"
	OnDomain  TargetType = "domain"
	OnSystem  TargetType = "system" // its id is SystemID
)

// Assignment gives a user a role on a target. It is also its row.
type Assignment struct {
	bun.BaseModel `bun:"table:identity_assignments,alias:assignment" json:"-"`
	UserID        string     `bun:"user_id,pk" json:"user_id"`
	RoleID        string     `bun:"role_id,pk" json:"role_id"`
	TargetType    TargetType `bun:"target_type,pk" json:"target_type"`
	TargetID      string     `bun:"target_id,pk" json:"target_id"`
	Inherited     bool       `bun:"inherited,pk" json:"inherited"` // holds on the projects below the target, not on it
}

// Assign gives a role; the user may have it already.
func (s *Service) Assign(ctx context.Context, a Assignment) error {
	return s.assignment(ctx, a, ActionCreateGrant, ActionCreateSystemGrant, func(ctx context.Context, tx *store.Tx) error {
		return s.assign(ctx, tx, a)
	})
}

func (s *Service) assign(ctx context.Context, tx *store.Tx, a Assignment) error {
	fresh, err := someRow(tx.Exec(ctx, `INSERT INTO identity_assignments (user_id, role_id, target_type, target_id, inherited)
		VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, a.UserID, a.RoleID, a.TargetType, a.TargetID, a.Inherited))
	if err != nil || !fresh {
		return err
	}
	return s.changed(ctx, tx, "role_assignment.created", a.UserID, a)
}

// Unassign takes a role away: errs.NotFound when the user does not have it there.
func (s *Service) Unassign(ctx context.Context, a Assignment) error {
	return s.assignment(ctx, a, ActionRevokeGrant, ActionRevokeSystemGrant, func(ctx context.Context, tx *store.Tx) error {
		there, err := someRow(tx.NewDelete().Model(&a).WherePK().Exec(ctx))
		if err != nil || !there {
			return orError(err, a.missing())
		}
		return s.changed(ctx, tx, "role_assignment.deleted", a.UserID, a)
	})
}

// assignment lets fn change an assignment whose parts are all there.
func (s *Service) assignment(ctx context.Context, a Assignment, action, onSystem policy.Action, fn func(ctx context.Context, tx *store.Tx) error) error {
	if a.TargetType == OnSystem {
		action = onSystem
	}
	return s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		target, absent := s.parts(ctx, tx, a)
		if err := s.check(ctx, action, target); err != nil {
			return err
		}
		if absent != nil {
			return absent
		}
		return fn(ctx, tx)
	})
}

// CheckAssignment tells by errs.NotFound that the user does not have the role there.
func (s *Service) CheckAssignment(ctx context.Context, a Assignment) error {
	target, absent := s.parts(ctx, s.DB.Read(), a)
	action := ActionCheckGrant
	if a.TargetType == OnSystem {
		action = ActionCheckSystemGrant
	}
	if err := s.check(ctx, action, target); err != nil {
		return err
	}
	if absent != nil {
		return absent
	}
	there, err := s.DB.Read().NewSelect().Model(&a).WherePK().Exists(ctx)
	if err != nil || there {
		return err
	}
	return a.missing()
}

// parts gives what policy asks of an assignment, and which part is not there.
// An assignment without a role is all of the user's on the target.
func (s *Service) parts(ctx context.Context, db bun.IDB, a Assignment) (target policy.Target, absent error) {
	target = policy.Target{}
	absent = users.describe(ctx, db, a.UserID, target)
	if a.RoleID != "" {
		absent = orError(absent, roles.describe(ctx, db, a.RoleID, target))
	}
	return target, orError(absent, a.describeTarget(ctx, db, target))
}

func (a Assignment) describeTarget(ctx context.Context, db bun.IDB, target policy.Target) error {
	switch {
	case a.TargetType == OnProject:
		return projects.describe(ctx, db, a.TargetID, target)
	case a.TargetType == OnDomain:
		return domains.describe(ctx, db, a.TargetID, target)
	case a.TargetType == OnSystem && a.TargetID == SystemID && !a.Inherited:
		return nil
	}
	return errs.Invalidf("There are no roles on a target of the kind %q with the id %q.", a.TargetType, a.TargetID)
}

// missing tells that the user does not have the role there.
func (a Assignment) missing() error {
	return errs.NotFoundf("Could not find role assignment with role: %s, user or group: %s, project, domain, or system: %s.", a.RoleID, a.UserID, a.TargetID)
}

func dropAssignments(ctx context.Context, tx *store.Tx, where string, args ...any) error {
	_, err := tx.NewDelete().Model((*Assignment)(nil)).Where(where, args...).Exec(ctx)
	return err
}
