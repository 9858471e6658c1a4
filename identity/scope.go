package identity

import (
	"context"
	"database/sql"
	"errors"

	"github.com/cumulite/cumulite/platform/errs"
)

// Lookup says which domain, project or user is meant: by ID, or by Name. The
// name of a project or user is looked up in the domain of DomainID or DomainName.
type Lookup struct{ ID, Name, DomainID, DomainName string }

// Scope is what a token is asked for: one of its fields. The zero Scope is the
// user's default project, or nothing when there is none that the user may use.
type Scope struct {
	Project  Lookup
	Domain   Lookup
	System   bool // the system as a whole
	Unscoped bool // nothing in particular, not even the default project
}

// scope is a Scope by ids; the zero scope is nothing in particular.
type scope struct {
	project, domain string
	system          bool
}

// explicit gives the scope that is asked for by name or id.
func (s *Service) explicit(ctx context.Context, want Scope) (out scope, err error) {
	switch {
	case want.System:
		out.system = true
	case want.Project != (Lookup{}):
		out.project, err = s.lookup(ctx, "project", want.Project)
	case want.Domain != (Lookup{}):
		out.domain, err = s.lookupDomain(ctx, want.Domain.ID, want.Domain.Name)
	}
	return out, err
}

// lookup gives the id of a project or user: errs.Unauthenticated when there is none of that name.
// That a given id exists is not looked at.
func (s *Service) lookup(ctx context.Context, noun string, l Lookup) (string, error) {
	if l.ID != "" {
		return l.ID, nil
	}
	if l.DomainID == "" && l.DomainName == "" {
		return "", errs.Invalidf("Expecting to find domain in %s. The server could not comply with the request since it is either malformed or otherwise incorrect. "+
			"The client is assumed to be in error.", noun)
	}
	domain, err := s.lookupDomain(ctx, l.DomainID, l.DomainName)
	if err != nil {
		return "", err
	}
	return s.idOf(ctx, noun, "SELECT id FROM identity_"+noun+"s WHERE domain_id = ? AND name = ?", domain, l.Name)
}

func (s *Service) lookupDomain(ctx context.Context, id, name string) (string, error) {
	if id != "" {
		return id, nil
	}
	return s.idOf(ctx, "domain", "SELECT id FROM identity_domains WHERE name = ?", name)
}

func (s *Service) idOf(ctx context.Context, noun, query string, args ...any) (id string, err error) {
	err = s.DB.QueryRow(ctx, query, args...).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", unauthenticated("there is no %s of that name", noun)
	}
	return id, err
}
