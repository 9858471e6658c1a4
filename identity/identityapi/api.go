// Package identityapi serves the Identity API v3 over an *identity.Service.
//
//	api, err := identityapi.New(ids, httpapi.Config{Prefix: "/identity", PublicURL: url})
//
// Each noun has a file with its rows, their handlers and their wire types.
package identityapi

import (
	"cmp"
	"slices"

	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/platform/httpapi"
)

type handler struct {
	ids    *identity.Service
	public string // the server's public URL
	root   string // the public URL of the versioned root
}

// New gives the API. Of cfg the caller sets where it is (Prefix, PublicURL),
// logger, metrics and clock. Tokens are verified by ids unless cfg has another
// Verifier, and callers without one are sent to the API itself unless cfg has
// another IdentityURL.
func New(ids *identity.Service, cfg httpapi.Config) (*httpapi.API, error) {
	cfg.Service, cfg.Title, cfg.Root, cfg.Vary = "identity", "Identity API", "/v3", "X-Auth-Token"
	cfg.Fault, cfg.Lists, cfg.Document = faults(), lists, versions()
	cfg.IdentityURL = cmp.Or(cfg.IdentityURL, cfg.PublicURL+cfg.Prefix)
	if cfg.Verifier == nil {
		cfg.Verifier = ids
	}
	h := handler{ids: ids, public: cfg.PublicURL, root: cfg.PublicURL + cfg.Prefix + cfg.Root}
	return httpapi.New(cfg, slices.Concat(
		h.tokenRoutes(), h.authRoutes(), h.domainRoutes(), h.projectRoutes(), h.tagRoutes(), h.userRoutes(), h.roleRoutes(), h.impliedRoutes(),
		h.grantRoutes(), h.assignmentRoutes(), h.regionRoutes(), h.serviceRoutes(), h.endpointRoutes()))
}
