package identity_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

func TestEndpointsNeedTheirServiceAndRegion(t *testing.T) {
	w := newWorld(t)
	c, err := w.CreateCatalogService(w.admin, identity.CreateCatalogService{Type: "image", Name: "glance"})
	require.NoError(t, err)
	_, err = w.CreateRegion(w.admin, identity.CreateRegion{ID: "R"})
	require.NoError(t, err)
	_, err = w.CreateRegion(w.admin, identity.CreateRegion{ID: "R"})
	kind(t, errs.Conflict, err)
	e, err := w.CreateEndpoint(w.admin, identity.CreateEndpoint{ServiceID: c.ID, RegionID: "R", Interface: "public", URL: "http://x"})
	require.NoError(t, err)
	_, err = w.CreateEndpoint(w.admin, identity.CreateEndpoint{ServiceID: "none", RegionID: "R"})
	kind(t, errs.Invalid, err)
	none := "none"
	_, err = w.UpdateEndpoint(w.admin, e.ID, identity.UpdateEndpoint{RegionID: &none})
	kind(t, errs.Invalid, err)
	kind(t, errs.Forbidden, w.DeleteRegion(w.admin, "R"))
	require.NoError(t, w.DeleteCatalogService(w.admin, c.ID))
	_, err = w.GetEndpoint(w.admin, e.ID)
	kind(t, errs.NotFound, err)
	require.NoError(t, w.DeleteRegion(w.admin, "R"))
	user := as(t.Context(), auth.Claims{User: auth.Ref{ID: "u"}, Unscoped: true})
	_, _, err = w.ListRegions(user, store.Query{})
	require.NoError(t, err)
	_, _, err = w.ListEndpoints(user, store.Query{})
	kind(t, errs.Forbidden, err)
}

func TestRegionsDoNotLieWithinThemselves(t *testing.T) {
	w := newWorld(t)
	_, err := w.CreateRegion(w.admin, identity.CreateRegion{ID: "a"})
	require.NoError(t, err)
	_, err = w.CreateRegion(w.admin, identity.CreateRegion{ID: "b", ParentRegionID: "a"})
	require.NoError(t, err)
	b := "b"
	_, err = w.UpdateRegion(w.admin, "a", identity.UpdateRegion{ParentRegionID: &b})
	kind(t, errs.Forbidden, err)
	_, err = w.CreateRegion(w.admin, identity.CreateRegion{ID: "c", ParentRegionID: "none"})
	kind(t, errs.NotFound, err)
}

// urls lists a catalogue as "type interface URL".
func urls(c []identity.CatalogEntry) (out []string) {
	for _, s := range c {
		if len(s.Endpoints) == 0 {
			out = append(out, s.Type)
		}
		for _, e := range s.Endpoints {
			out = append(out, s.Type+" "+e.Interface+" "+e.URL)
		}
	}
	return out
}

func TestCatalogueIsForTheTokensProject(t *testing.T) {
	w := bootstrapped(t)
	in := w.login(t, byName("admin", "pw-admin"), adminScope)
	project := in.Grant.ProjectID()
	require.Equal(t, []string{"identity internal http://c/identity", "identity public http://c/identity",
		"object-store public http://c/v1/AUTH_" + project}, urls(in.Catalog))
	require.Equal(t, "RegionOne", in.Catalog[0].Endpoints[0].RegionID)
	system := w.login(t, byName("admin", "pw-admin"), identity.Scope{System: true})
	require.Equal(t, []string{"identity internal http://c/identity", "identity public http://c/identity", "object-store"}, urls(system.Catalog))
	again, err := w.AuthCatalog(auth.With(t.Context(), in.Grant))
	require.NoError(t, err)
	require.Equal(t, in.Catalog, again)
	_, err = w.AuthCatalog(auth.With(t.Context(), system.Grant))
	kind(t, errs.Forbidden, err)
}

func TestCatalogueShowsWhatIsEnabledNow(t *testing.T) {
	w := bootstrapped(t)
	show := func() []string { return urls(w.login(t, byName("admin", "pw-admin"), adminScope).Catalog) }
	require.Len(t, show(), 3)
	all, _, err := w.ListCatalogServices(w.admin, store.Query{})
	require.NoError(t, err)
	points, _, err := w.ListEndpoints(w.admin, store.Query{Filters: []store.Filter{{Field: "service_id", Values: []string{all[0].ID}}}})
	require.NoError(t, err)
	off := false
	_, err = w.UpdateCatalogService(w.admin, all[1].ID, identity.UpdateCatalogService{Enabled: &off})
	require.NoError(t, err)
	require.Len(t, show(), 2)
	_, err = w.UpdateEndpoint(w.admin, points[0].ID, identity.UpdateEndpoint{Enabled: &off})
	require.NoError(t, err)
	require.Len(t, show(), 1)
}

func TestURLsOfEndpointsAskOnlyForWhatATokenHas(t *testing.T) {
	w := bootstrapped(t)
	c, err := w.CreateCatalogService(w.admin, identity.CreateCatalogService{Type: "t"})
	require.NoError(t, err)
	make := func(url string) error {
		_, err := w.CreateEndpoint(w.admin, identity.CreateEndpoint{ServiceID: c.ID, Interface: "public", URL: url})
		return err
	}
	for _, good := range []string{"http://h/%(tenant_id)s", "http://h/$(project_id)s/$(user_id)s", "http://h/100%25"} {
		require.NoError(t, make(good), good)
	}
	for _, bad := range []string{"http://h/$(admin_token)s", "http://h/%(project_id", "http://h/$(project_id)d"} {
		kind(t, errs.Invalid, make(bad))
	}
}
