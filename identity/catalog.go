package identity

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/auth"
)

// CatalogEntry is a service as a token's catalogue shows it.
type CatalogEntry struct {
	ID, Type, Name string
	Endpoints      []CatalogEndpoint
}

// CatalogEndpoint is an endpoint as a token's catalogue shows it, for the
// project and user of the token.
type CatalogEndpoint struct{ ID, Interface, RegionID, URL string }

// catalog is what is enabled of services and endpoints, sorted by type, then
// by region and interface.
type catalog struct {
	entries   []CatalogEntry
	templates bool // some URL holds the id of a project or user
}

func readCatalog(ctx context.Context, db bun.IDB) (c catalog, err error) {
	var services []CatalogService
	if err := db.NewSelect().Model(&services).Where("enabled").Scan(ctx); err != nil {
		return c, err
	}
	var all []Endpoint
	if err := db.NewSelect().Model(&all).Where("enabled").Scan(ctx); err != nil {
		return c, err
	}
	slices.SortFunc(services, func(a, b CatalogService) int { return compare(a.Type, b.Type, a.ID, b.ID) })
	slices.SortFunc(all, func(a, b Endpoint) int {
		return compare(a.RegionID, b.RegionID, a.Interface, b.Interface, a.ID, b.ID)
	})
	of := map[string][]CatalogEndpoint{}
	for _, e := range all {
		of[e.ServiceID] = append(of[e.ServiceID], CatalogEndpoint{ID: e.ID, Interface: e.Interface, RegionID: e.RegionID, URL: e.URL})
		c.templates = c.templates || strings.Contains(e.URL, ")s")
	}
	for _, each := range services {
		c.entries = append(c.entries, CatalogEntry{ID: each.ID, Type: each.Type, Name: each.Name, Endpoints: of[each.ID]})
	}
	return c, nil
}

// forGrant gives the catalogue with URLs for the user and project of g. Those
// that hold the id of a project are left out when g has none. What it gives
// may be shared: it must not be changed.
func (c catalog) forGrant(g auth.Grant) []CatalogEntry {
	if !c.templates {
		return c.entries
	}
	out := slices.Clone(c.entries)
	for i := range out {
		kept := make([]CatalogEndpoint, 0, len(out[i].Endpoints))
		for _, e := range out[i].Endpoints {
			var ok bool
			if e.URL, ok = expandURL(e.URL, g.UserID(), g.ProjectID()); ok {
				kept = append(kept, e)
			}
		}
		out[i].Endpoints = kept
	}
	return out
}

// expandURL puts ids in for $(project_id)s, %(tenant_id)s and their kin. It is
// false when the URL asks for something that is not there.
func expandURL(url, user, project string) (string, bool) {
	values := map[string]string{"user_id": user, "project_id": project, "tenant_id": project}
	before, rest, more := strings.Cut(strings.ReplaceAll(url, "$(", "%("), "%(")
	out := before
	for more {
		name, after, closed := strings.Cut(rest, ")s")
		if values[name] == "" || !closed {
			return "", false
		}
		before, rest, more = strings.Cut(after, "%(")
		out += values[name] + before
	}
	return out, true
}

// compare orders by pairs of strings, the first pair that differs.
func compare(pairs ...string) int {
	for i := 0; i+1 < len(pairs); i += 2 {
		if c := cmp.Compare(pairs[i], pairs[i+1]); c != 0 {
			return c
		}
	}
	return 0
}
