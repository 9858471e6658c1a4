package computeapi

import (
	"slices"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/httpapi"
)

// handler answers the rows; cfg says where they are.
type handler struct {
	compute *compute.Service
	cfg     httpapi.Config
	clock   clock.Clock
}

// New gives the API. Of cfg the caller sets where it is (Prefix, PublicURL,
// IdentityURL), who verifies tokens, logger, metrics and clock.
func New(servers *compute.Service, cfg httpapi.Config) (*httpapi.API, error) {
	cfg.Service, cfg.Title, cfg.Root = "compute", "Compute API", "/v2.1"
	cfg.OldRoot = "/v2"
	cfg.Fault, cfg.Lists, cfg.Document = faults(), lists, versions()
	cfg.RequestIDHeader = "X-Compute-Request-Id"
	cfg.StrictPaths = true
	cfg.StrictQuery = httpapi.V("2.75")
	cfg.Versions = &httpapi.Microversions{Min: httpapi.V("2.1"), Max: httpapi.V("2.96"), Type: "compute", LegacyHeader: "X-OpenStack-Nova-API-Version"}
	h := handler{servers, cfg, servers.Clock}
	return httpapi.New(cfg, slices.Concat(
		h.flavorRoutes(), h.extraSpecRoutes(), h.flavorAccessRoutes(), h.keypairRoutes(), h.extensionRoutes(),
		h.serverGroupRoutes(), h.quotaRoutes(), h.limitRoutes(), h.usageRoutes(), h.actionRoutes(),
		h.serverRoutes(), h.serverActionRoutes(), h.metadataRoutes(), h.tagRoutes(), h.addressRoutes(), h.interfaceRoutes(), h.secGroupRoutes(), h.securityGroupRoutes(),
		h.serviceRoutes(), h.hypervisorRoutes(), h.zoneRoutes(), h.aggregateRoutes(),
	))
}
