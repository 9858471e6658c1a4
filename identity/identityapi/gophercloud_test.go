package identityapi_test

import (
	"net/http/httptest"
	"testing"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/catalog"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/domains"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/endpoints"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/projects"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/regions"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/roles"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/services"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/users"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/httpapi"
)

// cloud serves a world over TCP and gives gophercloud's client of an administrator.
func cloud(t *testing.T) (*world, *gophercloud.ServiceClient) {
	server := httptest.NewUnstartedServer(nil)
	url := "http://" + server.Listener.Addr().String()
	w := newWorld(t, httpapi.Config{PublicURL: url})
	server.Config.Handler = w.api
	server.Start()
	t.Cleanup(server.Close)
	return w, login3(t, url, gophercloud.AuthOptions{Username: "admin", Password: password, DomainID: "default", TenantName: "admin"})
}

func login3(t *testing.T, url string, opts gophercloud.AuthOptions) *gophercloud.ServiceClient {
	opts.IdentityEndpoint = url + "/identity"
	provider, err := openstack.AuthenticatedClient(t.Context(), opts)
	require.NoError(t, err)
	c, err := openstack.NewIdentityV3(provider, gophercloud.EndpointOpts{})
	require.NoError(t, err)
	return c
}

func TestGophercloudKeepsUsersAndProjects(t *testing.T) {
	_, c := cloud(t)
	ctx := t.Context()
	d, err := domains.Create(ctx, c, domains.CreateOpts{Name: "acme", Description: "anvils"}).Extract()
	require.NoError(t, err)
	yes := true
	p, err := projects.Create(ctx, c, projects.CreateOpts{Name: "roads", DomainID: d.ID, Enabled: &yes, Tags: []string{"red"}, Extra: map[string]any{"cost": "5"}}).Extract()
	require.NoError(t, err)
	require.Equal(t, d.ID, p.ParentID)
	require.Equal(t, "5", p.Extra["cost"])
	u, err := users.Create(ctx, c, users.CreateOpts{Name: "coyote", DomainID: d.ID, DefaultProjectID: p.ID, Password: "meep", Enabled: &yes,
		Description: "hungry", Extra: map[string]any{"email": "coyote@acme.example"}}).Extract()
	require.NoError(t, err)
	require.Equal(t, "coyote@acme.example", u.Extra["email"])
	require.True(t, u.PasswordExpiresAt.IsZero())

	role, err := roles.Create(ctx, c, roles.CreateOpts{Name: "driver"}).Extract()
	require.NoError(t, err)
	require.NoError(t, roles.Assign(ctx, c, role.ID, roles.AssignOpts{UserID: u.ID, ProjectID: p.ID}).ExtractErr())
	require.NoError(t, roles.Validate(ctx, c, role.ID, roles.ValidateOpts{UserID: u.ID, ProjectID: p.ID}).ExtractErr())
	pages, err := roles.ListAssignmentsOnResource(c, roles.ListAssignmentsOnResourceOpts{UserID: u.ID, ProjectID: p.ID}).AllPages(ctx)
	require.NoError(t, err)
	held, err := roles.ExtractRoles(pages)
	require.NoError(t, err)
	require.Len(t, held, 1)
	require.Equal(t, "driver", held[0].Name)
	pages, err = roles.ListAssignments(c, roles.ListAssignmentsOpts{UserID: u.ID, IncludeNames: &yes}).AllPages(ctx)
	require.NoError(t, err)
	assignments, err := roles.ExtractRoleAssignments(pages)
	require.NoError(t, err)
	require.Len(t, assignments, 1)
	require.Equal(t, "roads", assignments[0].Scope.Project.Name)

	coyote := login3(t, c.Endpoint[:len(c.Endpoint)-len("/identity/v3/")], gophercloud.AuthOptions{Username: "coyote", Password: "meep", DomainName: "acme"})
	pages, err = projects.ListAvailable(coyote).AllPages(ctx)
	require.NoError(t, err)
	own, err := projects.ExtractProjects(pages)
	require.NoError(t, err)
	require.Len(t, own, 1)
	require.NoError(t, users.ChangePassword(ctx, coyote, u.ID, users.ChangePasswordOpts{OriginalPassword: "meep", Password: "beep"}).ExtractErr())
	_, err = projects.ListAvailable(coyote).AllPages(ctx)
	require.Error(t, err, "its token ended with the password")

	no := false
	_, err = users.Update(ctx, c, u.ID, users.UpdateOpts{Enabled: &no}).Extract()
	require.NoError(t, err)
	require.NoError(t, projects.Delete(ctx, c, p.ID).ExtractErr())
	require.NoError(t, users.Delete(ctx, c, u.ID).ExtractErr())
	require.True(t, gophercloud.ResponseCodeIs(users.Delete(ctx, c, u.ID).ExtractErr(), 404))
}

func TestGophercloudFiltersLists(t *testing.T) {
	_, c := cloud(t)
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		_, err := users.Create(t.Context(), c, users.CreateOpts{Name: name}).Extract()
		require.NoError(t, err)
	}
	pages, err := users.List(c, users.ListOpts{DomainID: "default"}).AllPages(t.Context())
	require.NoError(t, err)
	all, err := users.ExtractUsers(pages)
	require.NoError(t, err)
	require.Len(t, all, 10)
	pages, err = users.List(c, users.ListOpts{Filters: map[string]string{"name__contains": "d"}}).AllPages(t.Context())
	require.NoError(t, err)
	all, err = users.ExtractUsers(pages)
	require.NoError(t, err)
	require.Len(t, all, 3)
}

func TestGophercloudKeepsTheCatalogue(t *testing.T) {
	w, c := cloud(t)
	ctx := t.Context()
	region, err := regions.Create(ctx, c, regions.CreateOpts{ID: "Mars", Description: "red"}).Extract()
	require.NoError(t, err)
	yes := true
	service, err := services.Create(ctx, c, services.CreateOpts{Type: "dns", Enabled: &yes, Extra: map[string]any{"name": "designate", "description": "names"}}).Extract()
	require.NoError(t, err)
	require.Equal(t, "designate", service.Extra["name"])
	e, err := endpoints.Create(ctx, c, endpoints.CreateOpts{Availability: gophercloud.AvailabilityPublic, Name: "dns-public", Region: region.ID, ServiceID: service.ID,
		URL: "http://dns.example"}).Extract()
	require.NoError(t, err)
	require.Equal(t, "dns-public", e.Name)
	e, err = endpoints.Update(ctx, c, e.ID, endpoints.UpdateOpts{URL: "http://dns.example/v2"}).Extract()
	require.NoError(t, err)
	pages, err := endpoints.List(c, endpoints.ListOpts{ServiceID: service.ID, Availability: gophercloud.AvailabilityPublic}).AllPages(ctx)
	require.NoError(t, err)
	all, err := endpoints.ExtractEndpoints(pages)
	require.NoError(t, err)
	require.Equal(t, []endpoints.Endpoint{*e}, all)

	pages, err = catalog.List(c).AllPages(ctx)
	require.NoError(t, err)
	entries, err := catalog.ExtractServiceCatalog(pages)
	require.NoError(t, err)
	require.Len(t, entries, 4)
	issued := tokens.Get(ctx, c, w.tokenOf("ann"))
	require.NoError(t, issued.Err)
	user, err := issued.ExtractUser()
	require.NoError(t, err)
	require.Equal(t, "ann", user.Name)
	text := w.tokenOf("bob")
	ok, err := tokens.Validate(ctx, c, text)
	require.NoError(t, err)
	require.True(t, ok)
	require.NoError(t, tokens.Revoke(ctx, c, text).Err)
	ok, err = tokens.Validate(ctx, c, text)
	require.NoError(t, err)
	require.False(t, ok)
	require.NoError(t, services.Delete(ctx, c, service.ID).ExtractErr())
	require.NoError(t, regions.Delete(ctx, c, region.ID).ExtractErr())
}
