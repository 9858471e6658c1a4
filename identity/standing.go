package identity

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
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
	if err := s.rolesOf(ctx, st, q); err != nil {
		return nil, err
	}
	s.standings.put(q, st)
	return st, nil
}

// subject reads the user, who must be enabled.
func (st *standing) subject(ctx context.Context, db bun.IDB, id string) (err error) {
	if st.user, err = usable[User](ctx, db, "user", id); err != nil {
		return err
	}
	if st.within, err = usable[Domain](ctx, db, "domain", st.user.DomainID); err != nil {
		return err
	}
	st.since = latest(st.user.TokensSince, st.within.TokensSince)
	return nil
}

// place reads what the scope is, which must be enabled.
func (st *standing) place(ctx context.Context, db bun.IDB, in scope) (err error) {
	if in.project != "" {
		if st.project, err = usable[Project](ctx, db, "project", in.project); err != nil {
			return err
		}
		in.domain = st.project.DomainID
		st.since = latest(st.since, st.project.TokensSince)
	}
	if in.domain == "" {
		return nil
	}
	if st.domain, err = usable[Domain](ctx, db, "domain", in.domain); err != nil {
		return err
	}
	st.since = latest(st.since, st.domain.TokensSince)
	return nil
}

func (u *User) enabled() bool    { return u.Enabled }
func (d *Domain) enabled() bool  { return d.Enabled }
func (p *Project) enabled() bool { return p.Enabled }

// usable gives a row that is there and enabled.
func usable[T any, P interface {
	*T
	enabled() bool
}](ctx context.Context, db bun.IDB, noun, id string) (*T, error) {
	row, err := store.Get[T](ctx, db, id)
	switch {
	case store.IsNone(err):
		return nil, unauthenticated("there is no %s %s", noun, id)
	case err != nil:
		return nil, err
	case !P(row).enabled():
		return nil, unauthenticated("the %s %s is disabled", noun, id)
	}
	return row, nil
}

// rolesOf finds the roles in st's scope: given there, inherited from above, and implied by these.
func (s *Service) rolesOf(ctx context.Context, st *standing, q asked) error {
	if q.scope == (scope{}) {
		return nil
	}
	where, err := st.grantedOn(ctx, s.DB.Read())
	if err != nil {
		return err
	}
	var given []string
	err = s.DB.Read().NewSelect().Model((*Assignment)(nil)).Distinct().Column("role_id").Where("user_id = ?", q.user).
		WhereGroup(" AND ", where).Scan(ctx, &given)
	if err != nil {
		return errs.Wrap(err, "read the roles of user %s", q.user)
	}
	rules, err := s.rulesAt(ctx, st.revision)
	if err != nil {
		return err
	}
	if st.roles = rules.effective(given); len(st.roles) == 0 {
		return unauthenticated("user %s has no role in %+v", q.user, q.scope)
	}
	return nil
}

// grantedOn gives the condition on assignments that they hold in the scope.
func (st *standing) grantedOn(ctx context.Context, db bun.IDB) (store.Scope, error) {
	on := func(t TargetType, inherited bool, ids ...string) store.Scope {
		return func(q *bun.SelectQuery) *bun.SelectQuery {
			return q.WhereOr("target_type = ? AND inherited = ? AND target_id IN (?)", t, inherited, bun.List(ids))
		}
	}
	switch {
	case st.system:
		return on(OnSystem, false, SystemID), nil
	case st.project == nil:
		return on(OnDomain, false, st.domain.ID), nil
	}
	line, err := ancestors(ctx, db, st.project)
	if err != nil {
		return nil, err
	}
	above := make([]string, len(line))
	for i, p := range line {
		above[i] = p.ID
	}
	return func(q *bun.SelectQuery) *bun.SelectQuery {
		q = on(OnDomain, true, st.domain.ID)(on(OnProject, false, st.project.ID)(q))
		if len(above) == 0 {
			return q
		}
		return on(OnProject, true, above...)(q)
	}, nil
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

// outdates tells whether a token issued at that time no longer holds.
func (st *standing) outdates(issued time.Time) bool { return issued.Unix() <= st.since.Unix() }

// issueTime gives the second in which a token is issued now. After all tokens
// of this second were ended it is the next, so that new ones hold.
func (st *standing) issueTime(now time.Time) time.Time {
	return latest(now, st.since.Add(time.Second)).Truncate(time.Second)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
