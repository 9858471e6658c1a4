// Package networkapi serves the Networking API v2.0 over a *network.Service.
//
//	api, err := networkapi.New(networks, httpapi.Config{Prefix: "/networking", PublicURL: url, Verifier: identity})
package networkapi

import (
	"slices"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/httpapi"
)

type handler struct{ networks *network.Service }

// New gives the API. Of cfg the caller sets where it is (Prefix, PublicURL,
// IdentityURL), who verifies tokens, logger, metrics and clock.
func New(networks *network.Service, cfg httpapi.Config) (*httpapi.API, error) {
	h := handler{networks}
	cfg.Service, cfg.Title, cfg.Root = "network", "Networking API", "/v2.0"
	cfg.Fault, cfg.Lists, cfg.Document = faults(), lists, versions()
	cfg.SelectFields = true
	return httpapi.New(cfg, slices.Concat(
		h.networkRows(), h.subnetRows(), h.portRows(), h.groupRows(), h.ruleRows(), h.routerRows(), h.floatingIPRows(),
		h.tagRows(), h.quotaRows(), h.agentRows(), h.availabilityRows(), extensionRows(),
	))
}
