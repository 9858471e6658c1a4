// Package auth says who is calling. One type, Grant, carries the subject, the
// scope, the roles and the expiry; it travels in the context and never in a
// header past the edge.
//
// A Grant comes from authentication (Authenticated, which only the identity
// service and its client call; a test of the house holds them to it) or from
// another Grant by Attenuate, which can only take away. AsService is the one
// way to gain the service role.
//
//	ctx = auth.With(ctx, grant)
//	g := auth.From(ctx)              // the zero Grant, which may do nothing, without one
//	g.ProjectID(), g.HasRole("admin")
package auth

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/cumulite/cumulite/platform/secret"
)

// ServiceRole is the role that only AsService gives.
const ServiceRole = "service"

// Ref names a project, domain, user or role by its id and its name.
type Ref struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Claims is what is known of a caller: a Grant in the open.
type Claims struct {
	User       Ref       `json:"user"`
	UserDomain Ref       `json:"user_domain"`
	Project    Ref       `json:"project"`         // set when scoped to a project
	Domain     Ref       `json:"domain"`          // the project's domain, or the domain scoped to
	System     bool      `json:"system"`          // scoped to the system as a whole
	Roles      []Ref     `json:"roles"`           // sorted by name
	Service    string    `json:"service"`         // the service on whose behalf AsService speaks
	Methods    []string  `json:"methods"`         // how the caller was authenticated
	AuditIDs   []string  `json:"audit_ids"`       // of the token, then of its parent
	IssuedAt   time.Time `json:"issued_at"`       // when the token was made
	ExpiresAt  time.Time `json:"expires_at"`      // the zero time for grants that do not come from a token
	ReadOnly   bool      `json:"read_only"`       // a derived credential that may not change anything
	Unscoped   bool      `json:"unscoped"`        // authenticated for nothing in particular
	RequestID  string    `json:"-"`               // of the request being served, for logs and events
	Revision   int64     `json:"-"`               // of the identity data that it was computed from
	Extra      []string  `json:"rules,omitempty"` // access rules of a derived credential, as identity writes them
}

// Grant is a verified set of Claims. It cannot be changed; the zero Grant is
// nobody and may do nothing.
type Grant struct{ c *Claims }

// Authenticated makes a Grant of claims that were just verified. Only the
// identity service, its client and tests may call it.
func Authenticated(c Claims) Grant {
	c.Roles = slices.Clone(c.Roles)
	slices.SortFunc(c.Roles, func(a, b Ref) int { return strings.Compare(a.Name, b.Name) })
	return Grant{&c}
}

// Claims gives a copy of what the grant says.
func (g Grant) Claims() Claims {
	if g.c == nil {
		return Claims{}
	}
	c := *g.c
	c.Roles = slices.Clone(c.Roles)
	return c
}

// IsZero reports whether nobody was authenticated.
func (g Grant) IsZero() bool { return g.c == nil }

// UserID gives the caller's id, "" for a service acting on its own.
func (g Grant) UserID() string { return g.claims().User.ID }

// ProjectID gives the project the caller is scoped to, "" without one.
func (g Grant) ProjectID() string { return g.claims().Project.ID }

// DomainID gives the domain that the caller is scoped to; "" in project and system scope.
func (g Grant) DomainID() string {
	if c := g.claims(); c.Project.ID == "" {
		return c.Domain.ID
	}
	return ""
}

// System reports whether the caller is scoped to the system.
func (g Grant) System() bool { return g.claims().System }

// Service gives the service that speaks, "" for users.
func (g Grant) Service() string { return g.claims().Service }

// RequestID gives the id of the request being served.
func (g Grant) RequestID() string { return g.claims().RequestID }

// HasRole reports whether the caller has the role of that name. The service
// role is had by services only, whatever roles a user was given.
func (g Grant) HasRole(name string) bool {
	c := g.claims()
	if name == ServiceRole {
		return c.Service != ""
	}
	return slices.ContainsFunc(c.Roles, func(r Ref) bool { return r.Name == name })
}

// RoleNames gives the names of the caller's roles, sorted.
func (g Grant) RoleNames() []string {
	c := g.claims()
	var names []string
	for _, r := range c.Roles {
		if r.Name != ServiceRole {
			names = append(names, r.Name)
		}
	}
	if c.Service != "" {
		names = append(names, ServiceRole)
	}
	return names
}

// Expired reports whether the grant's time is over.
func (g Grant) Expired(now time.Time) bool {
	at := g.claims().ExpiresAt
	return !at.IsZero() && !now.Before(at)
}

func (g Grant) claims() *Claims {
	if g.c == nil {
		return &Claims{}
	}
	return g.c
}

// Limits says what an attenuated grant keeps of its parent. Nil or zero fields keep all.
type Limits struct {
	Roles     []string  // names of the roles kept; those that the parent lacks are not gained
	ExpiresAt time.Time // the earlier of this and the parent's
	ReadOnly  bool      // may not change anything
	Rules     []string  // access rules; kept as they are when the parent has some
	DropScope bool      // keep who it is, forget project, domain and system
}

// Attenuate derives a grant that may do a subset of what g may: every derived
// credential (application credential, trust, EC2 credential) is made by it.
func (g Grant) Attenuate(l Limits) Grant {
	if g.c == nil {
		return g
	}
	c := g.Claims()
	c.Service = ""
	if l.Roles != nil {
		c.Roles = slices.DeleteFunc(c.Roles, func(r Ref) bool { return !slices.Contains(l.Roles, r.Name) })
	}
	if !l.ExpiresAt.IsZero() && (c.ExpiresAt.IsZero() || l.ExpiresAt.Before(c.ExpiresAt)) {
		c.ExpiresAt = l.ExpiresAt
	}
	c.ReadOnly = c.ReadOnly || l.ReadOnly
	if len(c.Extra) == 0 {
		c.Extra = slices.Clone(l.Rules)
	}
	if l.DropScope {
		c.Project, c.Domain, c.System, c.Roles, c.Unscoped = Ref{}, Ref{}, false, nil, true
	}
	return Grant{&c}
}

// MarshalJSON writes the claims, for operations that act later on the caller's behalf.
func (g Grant) MarshalJSON() ([]byte, error) { return json.Marshal(g.c) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (g *Grant) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &g.c) }

type key struct{}

// With gives a context that carries g.
func With(ctx context.Context, g Grant) context.Context { return context.WithValue(ctx, key{}, g) }

// From gives the grant that ctx carries, the zero Grant without one.
func From(ctx context.Context) Grant {
	g, _ := ctx.Value(key{}).(Grant)
	return g
}

type requestKey struct{}

// WithRequestID gives a context in which id names the request being served;
// the grant that ctx carries says so too.
func WithRequestID(ctx context.Context, id string) context.Context {
	if g := From(ctx); !g.IsZero() {
		c := *g.c
		c.RequestID = id
		ctx = With(ctx, Grant{&c})
	}
	return context.WithValue(ctx, requestKey{}, id)
}

// RequestID gives the id of the request that ctx serves, also when nobody was
// authenticated; "" outside of requests.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}

// AsService gives a context in which the service of that name speaks for
// whoever ctx speaks for: subject and project stay, the service role is added.
func AsService(ctx context.Context, name string) context.Context {
	c := From(ctx).Claims()
	c.Service = name
	return With(ctx, Grant{&c})
}

// Verifier turns a token into the grant it stands for. An unknown, revoked or
// expired token is an errs.Unauthenticated error.
type Verifier interface {
	Verify(ctx context.Context, token secret.String) (Grant, error)
}
