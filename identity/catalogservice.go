package identity

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/store"
)

// CatalogService is a service that the catalogue names. It is also its row.
type CatalogService struct {
	bun.BaseModel `bun:"table:identity_services,alias:service" json:"-"`
	ID            string         `bun:"id,pk" json:"id"`
	Version       int64          `bun:"version,notnull" json:"-"`
	Type          string         `bun:"type,notnull" json:"type"`
	Name          string         `bun:"name,notnull" json:"name"`
	Description   string         `bun:"description,notnull" json:"description"`
	Enabled       bool           `bun:"enabled,notnull" json:"enabled"`
	Extra         map[string]any `bun:"extra,notnull" json:"-"` // what else the API was told
}

// Endpoint is where a service is reached. It is also its row.
type Endpoint struct {
	bun.BaseModel `bun:"table:identity_endpoints,alias:endpoint" json:"-"`
	ID            string         `bun:"id,pk" json:"id"`
	Version       int64          `bun:"version,notnull" json:"-"`
	ServiceID     string         `bun:"service_id,notnull" json:"service_id"`
	RegionID      string         `bun:"region_id,notnull" json:"region_id"`
	Interface     string         `bun:"interface,notnull" json:"interface"` // public, internal or admin
	URL           string         `bun:"url,notnull" json:"url"`             // may hold $(project_id)s
	Enabled       bool           `bun:"enabled,notnull" json:"enabled"`
	Extra         map[string]any `bun:"extra,notnull" json:"-"` // what else the API was told
}

var catalogServices = resource[CatalogService]{
	noun:   "service",
	target: func(*CatalogService) policy.Target { return nil },
	clash:  func(c *CatalogService) string { return "ID " + c.ID },
	listing: store.Listing[CatalogService]{MaxLimit: maxList, Default: []store.Sort{{Field: "type"}}, Columns: map[string]store.Column{
		"id": {Name: "id"}, "type": {Name: "type"}, "name": {Name: "name"}}},
}

var endpoints = resource[Endpoint]{
	noun:   "endpoint",
	target: func(*Endpoint) policy.Target { return nil },
	clash:  func(e *Endpoint) string { return "ID " + e.ID },
	listing: store.Listing[Endpoint]{MaxLimit: maxList, Columns: map[string]store.Column{
		"id": {Name: "id"}, "service_id": {Name: "service_id"}, "region_id": {Name: "region_id"}, "interface": {Name: "interface"}}},
}

// CreateCatalogService is what may be said of a new service.
type CreateCatalogService struct {
	Type, Name, Description string
	Disabled                bool
	Extra                   map[string]any
}

// UpdateCatalogService is what may be changed; nil fields stay.
type UpdateCatalogService struct {
	Type, Name, Description *string
	Enabled                 *bool
	Extra                   map[string]any // set beside what is there; nil values are taken away
}

// CreateEndpoint is what may be said of a new endpoint.
type CreateEndpoint struct {
	ServiceID, RegionID, Interface, URL string
	Disabled                            bool
	Extra                               map[string]any
}

// UpdateEndpoint is what may be changed; nil fields stay.
type UpdateEndpoint struct {
	ServiceID, RegionID, Interface, URL *string
	Enabled                             *bool
	Extra                               map[string]any // set beside what is there; nil values are taken away
}

// CreateCatalogService adds a service to the catalogue.
func (s *Service) CreateCatalogService(ctx context.Context, in CreateCatalogService) (*CatalogService, error) {
	c := &CatalogService{ID: newID(), Type: in.Type, Name: in.Name, Description: in.Description, Enabled: !in.Disabled, Extra: merge(nil, in.Extra)}
	return c, catalogServices.create(ctx, s, ActionCreateService, c.ID, c, nil)
}

// GetCatalogService gives a service of the catalogue.
func (s *Service) GetCatalogService(ctx context.Context, id string) (*CatalogService, error) {
	return catalogServices.get(ctx, s, s.DB.Read(), ActionGetService, id)
}

// ListCatalogServices gives the services of the catalogue.
func (s *Service) ListCatalogServices(ctx context.Context, q store.Query) ([]CatalogService, bool, error) {
	return catalogServices.list(ctx, s, ActionListServices, q, nil)
}

// UpdateCatalogService changes a service of the catalogue.
func (s *Service) UpdateCatalogService(ctx context.Context, id string, in UpdateCatalogService) (*CatalogService, error) {
	return catalogServices.update(ctx, s, ActionUpdateService, id, func(_ context.Context, _ *store.Tx, c *CatalogService) error {
		set(&c.Type, in.Type)
		set(&c.Name, in.Name)
		set(&c.Description, in.Description)
		set(&c.Enabled, in.Enabled)
		c.Extra = merge(c.Extra, in.Extra)
		return nil
	}, "type", "name", "description", "enabled", "extra")
}

// DeleteCatalogService removes a service with its endpoints.
func (s *Service) DeleteCatalogService(ctx context.Context, id string) error {
	return catalogServices.remove(ctx, s, ActionDeleteService, id, func(ctx context.Context, tx *store.Tx, _ *CatalogService) error {
		_, err := tx.Exec(ctx, "DELETE FROM identity_endpoints WHERE service_id = ?", id)
		return err
	})
}

// CreateEndpoint adds an endpoint to a service.
func (s *Service) CreateEndpoint(ctx context.Context, in CreateEndpoint) (*Endpoint, error) {
	e := &Endpoint{ID: newID(), ServiceID: in.ServiceID, RegionID: in.RegionID, Interface: in.Interface, URL: in.URL, Enabled: !in.Disabled, Extra: merge(nil, in.Extra)}
	return e, endpoints.create(ctx, s, ActionCreateEndpoint, e.ID, e, func(ctx context.Context, tx *store.Tx) error { return e.complete(ctx, tx) })
}

// complete checks that what e refers to is there, and that its URL can be filled in.
func (e *Endpoint) complete(ctx context.Context, db bun.IDB) error {
	if _, ok := expandURL(e.URL, "-", "-"); !ok {
		return errs.Invalidf("Cannot create an endpoint with an invalid URL: %s.", e.URL)
	}
	if _, err := catalogServices.need(ctx, db, e.ServiceID); err != nil {
		return referred(err, "service_id", "service")
	}
	return referred(needRegion(ctx, db, e.RegionID), "region_id", "region")
}

// referred words it as Keystone does that an endpoint refers to something that is not there.
func referred(err error, attribute, noun string) error {
	if !errs.Is(err, errs.NotFound) {
		return err
	}
	return errs.Invalidf("Expecting to find endpoint %s in %s table. The server could not comply with the request since it is either malformed or "+
		"otherwise incorrect. The client is assumed to be in error.", attribute, noun).Because(err)
}

// GetEndpoint gives an endpoint.
func (s *Service) GetEndpoint(ctx context.Context, id string) (*Endpoint, error) {
	return endpoints.get(ctx, s, s.DB.Read(), ActionGetEndpoint, id)
}

// ListEndpoints gives the endpoints.
func (s *Service) ListEndpoints(ctx context.Context, q store.Query) ([]Endpoint, bool, error) {
	return endpoints.list(ctx, s, ActionListEndpoints, q, nil)
}

// UpdateEndpoint changes an endpoint.
func (s *Service) UpdateEndpoint(ctx context.Context, id string, in UpdateEndpoint) (*Endpoint, error) {
	return endpoints.update(ctx, s, ActionUpdateEndpoint, id, func(ctx context.Context, tx *store.Tx, e *Endpoint) error {
		set(&e.ServiceID, in.ServiceID)
		set(&e.RegionID, in.RegionID)
		set(&e.Interface, in.Interface)
		set(&e.URL, in.URL)
		set(&e.Enabled, in.Enabled)
		e.Extra = merge(e.Extra, in.Extra)
		return e.complete(ctx, tx)
	}, "service_id", "region_id", "interface", "url", "enabled", "extra")
}

// DeleteEndpoint removes an endpoint.
func (s *Service) DeleteEndpoint(ctx context.Context, id string) error {
	return endpoints.remove(ctx, s, ActionDeleteEndpoint, id, nil)
}
