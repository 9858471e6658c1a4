package identityapi

import (
	"net/http"

	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/secret"
)

// subjectToken is the header of the token that a request or an answer is about.
const subjectToken = "X-Subject-Token"

// timeFormat is how Keystone writes times.
const timeFormat = "2006-01-02T15:04:05.000000Z"

// place is a user or project with its domain, or a domain or role alone.
type place struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Domain *place `json:"domain,omitempty"`
}

type tokenBody struct {
	Methods   []string        `json:"methods"`
	User      tokenUser       `json:"user"`
	AuditIDs  []string        `json:"audit_ids"`
	IssuedAt  string          `json:"issued_at"`
	ExpiresAt string          `json:"expires_at"`
	Project   *place          `json:"project,omitempty"`
	IsDomain  *bool           `json:"is_domain,omitempty"` // shown with a project: false
	Domain    *place          `json:"domain,omitempty"`
	System    *systemBody     `json:"system,omitempty"`
	Roles     []place         `json:"roles,omitempty"`
	Catalog   *[]catalogEntry `json:"catalog,omitempty"`
}

type tokenUser struct {
	place
	PasswordExpiresAt *string `json:"password_expires_at"` // passwords never expire
}

type systemBody struct {
	All bool `json:"all"`
}

type tokenAnswer struct {
	Token tokenBody `json:"token"`
}

func (h handler) tokenRoutes() []httpapi.Route {
	return []httpapi.Route{
		{Method: "POST", Pattern: "/auth/tokens", Action: httpapi.Public, Request: authRequest{}, Loose: true, Response: tokenAnswer{},
			Status: http.StatusCreated, Handle: httpapi.Body(h.authenticate)},
		{Method: "GET", Pattern: "/auth/tokens", Action: identity.ActionValidateToken, Response: tokenAnswer{}, Handle: h.validateToken},
		{Method: "HEAD", Pattern: "/auth/tokens", Action: identity.ActionCheckToken, Handle: h.checkToken},
		{Method: "DELETE", Pattern: "/auth/tokens", Action: identity.ActionRevokeToken, Status: http.StatusNoContent, Handle: h.revokeToken},
	}
}

func (h handler) authenticate(r *httpapi.Request, in *authRequest) (any, error) {
	credentials, scope, err := in.read()
	if err != nil {
		return nil, err
	}
	issued, err := h.ids.Authenticate(r.Ctx(), credentials, scope)
	return tokenShown(r, issued, err)
}

func (h handler) validateToken(r *httpapi.Request) (any, error) {
	issued, err := h.ids.ValidateToken(r.Ctx(), subject(r), asked(r, "allow_expired"))
	return tokenShown(r, issued, err)
}

func (h handler) checkToken(r *httpapi.Request) (any, error) {
	text := subject(r)
	if err := h.ids.CheckToken(r.Ctx(), text, asked(r, "allow_expired")); err != nil {
		return nil, err
	}
	r.Header().Set(subjectToken, text.Reveal())
	return nil, nil
}

func (h handler) revokeToken(r *httpapi.Request) (any, error) {
	return nil, h.ids.RevokeToken(r.Ctx(), subject(r))
}

func subject(r *httpapi.Request) secret.String { return secret.New(r.Request.Header.Get(subjectToken)) }

// tokenShown answers with a token: its text in the header, what it says in the body.
func tokenShown(r *httpapi.Request, issued *identity.Issued, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	r.Header().Set(subjectToken, issued.Text.Reveal())
	out := showToken(issued.Grant.Claims())
	if issued.Catalog != nil && !r.Params().Has("nocatalog") {
		entries := showCatalog(issued.Catalog)
		out.Catalog = &entries
	}
	return tokenAnswer{out}, nil
}

func showToken(c auth.Claims) tokenBody {
	out := tokenBody{Methods: c.Methods, User: tokenUser{place: within(c.User, c.UserDomain)}, AuditIDs: c.AuditIDs,
		IssuedAt: c.IssuedAt.UTC().Format(timeFormat), ExpiresAt: c.ExpiresAt.UTC().Format(timeFormat), Roles: make([]place, len(c.Roles))}
	for i, r := range c.Roles {
		out.Roles[i] = place{ID: r.ID, Name: r.Name}
	}
	switch {
	case c.System:
		out.System = &systemBody{All: true}
	case c.Project.ID != "":
		project := within(c.Project, c.Domain)
		out.Project, out.IsDomain = &project, new(bool)
	case c.Domain.ID != "":
		out.Domain = &place{ID: c.Domain.ID, Name: c.Domain.Name}
	}
	return out
}

func within(r, domain auth.Ref) place {
	return place{ID: r.ID, Name: r.Name, Domain: &place{ID: domain.ID, Name: domain.Name}}
}
