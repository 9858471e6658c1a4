package identity

import (
	"context"

	"github.com/cumulite/cumulite/platform/store"
)

// bootstrapCatalog makes the region and its services.
func (s *Service) bootstrapCatalog(ctx context.Context, tx *store.Tx, b Bootstrap) error {
	r := &Region{ID: b.Region, Extra: map[string]any{}}
	if _, err := regions.ensure(ctx, s, tx, r.ID, r, "id = ?", r.ID); err != nil {
		return err
	}
	for _, each := range b.Services {
		c := &CatalogService{ID: newID(), Type: each.Type, Name: each.Name, Description: each.Description, Enabled: true, Extra: map[string]any{}}
		c, err := catalogServices.ensure(ctx, s, tx, c.ID, c, "type = ? AND name = ?", c.Type, c.Name)
		if err != nil {
			return err
		}
		for _, at := range []struct{ face, url string }{{"public", each.Public}, {"internal", each.Internal}, {"admin", each.Admin}} {
			if err := s.bootstrapEndpoint(ctx, tx, c.ID, b.Region, at.face, at.url); err != nil {
				return err
			}
		}
	}
	return nil
}

// bootstrapEndpoint makes an endpoint, or has it at that URL.
func (s *Service) bootstrapEndpoint(ctx context.Context, tx *store.Tx, service, region, face, url string) error {
	if url == "" {
		return nil
	}
	e := &Endpoint{ID: newID(), ServiceID: service, RegionID: region, Interface: face, URL: url, Enabled: true, Extra: map[string]any{}}
	e, err := endpoints.ensure(ctx, s, tx, e.ID, e, "service_id = ? AND region_id = ? AND interface = ?", service, region, face)
	if err != nil || e.URL == url {
		return err
	}
	e.URL = url
	if err := store.Update(ctx, tx, e, "url"); err != nil {
		return err
	}
	return s.changed(ctx, tx, endpoints.event("updated"), e.ID, e)
}
