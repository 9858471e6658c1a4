package identity

import (
	"context"
	"errors"
	"time"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
)

// standing is what rows say of a user in a scope: that both may be used, and
// which roles the user has there. It is shared and never changed.
type standing struct {
	revision int64
	user     *User
	within   *Domain  // the user's
	project  *Project // nil unless scoped to one
	domain   *Domain  // of the project, or scoped to
	system   bool
	roles    []auth.Ref
	since    time.Time // tokens issued in that second or before no longer hold
}

// asked is the question that a standing answers.
type asked struct {
	user string
	scope
}

// standing gives what the rows say at the revision or later: errs.Unauthenticated when something
// is not there or disabled, or the user has no role in the scope.
func (s *Service) standing(ctx context.Context, revision int64, q asked) (*standing, error) {
	if st, ok := s.standings.get(q); ok && st.revision >= revision {
		return st, nil
	}
	st := &standing{revision: revision, system: q.system}
	if err := st.subject(ctx, s.DB.Read(), q.user); err != nil {
		return nil, err
	}
	if err := st.place(ctx, s.DB.Read(), q.scope); err != nil {
		return nil, err
	}
	if q.scope != (scope{}) {
		if err := s.rolesIn(ctx, st); err != nil {
			return nil, err
		}
	}
	s.standings.put(q, st)
	return st, nil
}

// subject reads the user, who must be enabled.
func (st *standing) subject(ctx context.Context, db bun.IDB, id string) (err error) {
	if st.user, err = users.usable(ctx, db, id); err != nil {
		return err
	}
	if st.within, err = domains.usable(ctx, db, st.user.DomainID); err != nil {
		return err
	}
	st.since = latest(st.user.TokensSince, st.within.TokensSince)
	return nil
}

// place reads what the scope is, which must be enabled.
func (st *standing) place(ctx context.Context, db bun.IDB, in scope) (err error) {
	if in.project != "" {
		if st.project, err = projects.usable(ctx, db, in.project); err != nil {
			return err
		}
		in.domain = st.project.DomainID
		st.since = latest(st.since, st.project.TokensSince)
	}
	if in.domain == "" {
		return nil
	}
	if st.domain, err = domains.usable(ctx, db, in.domain); err != nil {
		return err
	}
	st.since = latest(st.since, st.domain.TokensSince)
	return nil
}

// The roles that a user was given in a scope; in a project also those that
// hold there because they were given above.
const (
	givenOn = `SELECT role_id FROM identity_assignments
		WHERE user_id = ? AND target_type = ? AND target_id = ? AND NOT inherited`
	givenInProject = `WITH RECURSIVE above (id) AS (
			SELECT parent_id FROM identity_projects WHERE id = ?
			UNION SELECT p.parent_id FROM identity_projects AS p JOIN above ON p.id = above.id)
		SELECT DISTINCT role_id FROM identity_assignments WHERE user_id = ? AND (
			target_type = 'project' AND target_id = ? AND NOT inherited OR
			target_type = 'project' AND target_id IN (SELECT id FROM above) AND inherited OR
			target_type = 'domain' AND target_id = ? AND inherited)`
)

// rolesIn finds the roles in the scope: given there or above, and implied by these.
func (s *Service) rolesIn(ctx context.Context, st *standing) error {
	given, err := s.given(ctx, st)
	if err != nil {
		return errs.Wrap(err, "read the roles of user %s", st.user.ID)
	}
	rules, err := s.rulesAt(ctx, st.revision)
	if err != nil {
		return err
	}
	if st.roles = rules.effective(given); len(st.roles) == 0 {
		return unauthenticated("user %s has no role in the scope", st.user.ID)
	}
	return nil
}

func (s *Service) given(ctx context.Context, st *standing) ([]string, error) {
	switch {
	case st.project != nil:
		return s.column(ctx, givenInProject, st.project.ID, st.user.ID, st.project.ID, st.domain.ID)
	case st.domain != nil:
		return s.column(ctx, givenOn, st.user.ID, OnDomain, st.domain.ID)
	}
	return s.column(ctx, givenOn, st.user.ID, OnSystem, SystemID)
}

// column gives the only column of a query.
func (s *Service) column(ctx context.Context, query string, args ...any) (values []string, err error) {
	rows, err := s.DB.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Err(), rows.Close()) }()
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, nil
}

// claims gives what a token for the standing says, besides how and when it was made.
func (st *standing) claims() auth.Claims {
	c := auth.Claims{
		User:       auth.Ref{ID: st.user.ID, Name: st.user.Name},
		UserDomain: auth.Ref{ID: st.within.ID, Name: st.within.Name},
		System:     st.system, Roles: st.roles, Revision: st.revision,
		Unscoped: st.domain == nil && !st.system,
	}
	if st.project != nil {
		c.Project = auth.Ref{ID: st.project.ID, Name: st.project.Name}
	}
	if st.domain != nil {
		c.Domain = auth.Ref{ID: st.domain.ID, Name: st.domain.Name}
	}
	return c
}

// commitTime is longer than a change takes from asking for the time to its commit.
const commitTime = time.Second

// endTokens gives the tokens_since that ends all tokens issued so far, those
// included that are being issued by what was read before the commit.
func (s *Service) endTokens() time.Time { return s.Clock.Now().Add(commitTime) }

// ended tells whether tokens_since ends a token issued at that time.
func ended(issued, since time.Time) bool { return issued.Unix() <= since.Unix() }

// issueTime gives the second in which a token is issued now: one in which it
// holds, also right after all tokens were ended.
func (st *standing) issueTime(now time.Time) time.Time {
	return latest(now, st.since.Add(time.Second)).Truncate(time.Second)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
