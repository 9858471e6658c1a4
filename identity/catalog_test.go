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
	kind(t, errs.NotFound, err)
	none := "none"
	_, err = w.UpdateEndpoint(w.admin, e.ID, identity.UpdateEndpoint{RegionID: &none})
	kind(t, errs.NotFound, err)
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
