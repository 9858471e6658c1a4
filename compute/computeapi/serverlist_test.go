package computeapi_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
)

// names gives the names of the servers on a page, sorted.
func (c client) names(query string) []string {
	c.T.Helper()
	var out struct{ Servers []struct{ Name string } }
	c.get("/servers/detail?" + query).Want(200).JSON(&out)
	names := []string{}
	for _, s := range out.Servers {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	return names
}

func TestPathThatLacksAnIDIsNone(t *testing.T) {
	c := newWorld(t).client(t, "admin", "")
	for _, path := range []string{"/servers/", "/os-simple-tenant-usage/"} {
		c.get(path).Want(404)
	}
	c.do("DELETE", "/servers/", nil).Want(404)
	c.get("/").Want(200)
}

// An end of a line counts as the beginning of another: clients ask for one more.
func TestConsoleGivesAsManyLinesAsAskedFor(t *testing.T) {
	w := newWorld(t)
	s := w.server(t)
	w.idle(t)
	c := w.client(t, "member", "")
	output := func(console object) (lines []string) {
		var out struct{ Output string }
		c.do("POST", "/servers/"+s.ID+"/action", object{"os-getConsoleOutput": console}).Want(200).JSON(&out)
		return strings.Split(out.Output, "\n")
	}
	all := output(object{})
	require.Greater(t, len(all), 2)
	require.Equal(t, all[len(all)-2:], output(object{"length": 2}))
	require.Equal(t, all, output(object{"length": 1000}))
}

func TestServerListFilters(t *testing.T) {
	w := newWorld(t)
	member := as(t, "member")
	web := w.server(t, func(in *compute.CreateServer) { in.Name, in.Tags, in.KeyName = "web", []string{"red", "blue"}, "" })
	w.clock.Advance(time.Hour)
	db := w.server(t, func(in *compute.CreateServer) { in.Name, in.Tags = "db", []string{"red"} })
	require.NoError(t, w.compute.ChangePower(member, db.ID, compute.DoStop))
	require.NoError(t, w.compute.LockServer(member, web.ID, nil))
	w.idle(t)
	var out struct {
		Server struct {
			Addresses map[string][]struct{ Addr string }
		}
	}
	w.client(t, "member", "").get("/servers/" + db.ID).JSON(&out)
	ip := out.Server.Addresses["private"][0].Addr
	c := w.client(t, "member", "2.96")
	for query, want := range map[string][]string{
		"":                                    {"db", "web"},
		"name=w":                              {"web"},
		"name=^(web|db)$":                     {"db", "web"},
		"status=SHUTOFF":                      {"db"},
		"status=active&status=shutoff":        {"db", "web"},
		"status=RESCUE":                       {},
		"limit=0":                             {},
		"tags=red":                            {"db", "web"},
		"tags=red,blue":                       {"web"},
		"tags-any=blue,green":                 {"web"},
		"not-tags-any=blue":                   {"db"},
		"not-tags=red,blue":                   {"db"},
		"locked=true":                         {"web"},
		"flavor=" + web.Flavor.ID:             {"web"},
		"image=" + w.image:                    {"db", "web"},
		"ip=" + url.QueryEscape("^"+ip+"$"):   {"db"},
		"ip=192":                              {},
		"vm_state=stopped":                    {"db"},
		"availability_zone=nova":              {"db", "web"},
		"changes-since=2030-01-01T00:30:00Z":  {"db", "web"},
		"changes-before=2030-01-01T00:30:00Z": {},
		"user_id=somebody":                    {},
		"host=elsewhere":                      {"db", "web"},
		"uuid=" + web.ID:                      {"db", "web"},
		"deleted=true":                        {"db", "web"},
	} {
		require.Equal(t, want, c.names(query), query)
	}
	var first struct{ Servers []struct{ Name string } }
	c.get("/servers?sort_dir=asc&limit=1").Want(200).JSON(&first)
	require.Equal(t, "web", first.Servers[0].Name)
	c.get("/servers?sort_key=display_name&sort_dir=asc&limit=1").Want(200).JSON(&first)
	require.Equal(t, "db", first.Servers[0].Name)
	admin := w.client(t, "admin", "2.96")
	require.Empty(t, admin.names("host=elsewhere"), "hosts are for administrators")
	require.Equal(t, []string{"web"}, admin.names("uuid="+web.ID))
	require.Equal(t, []string{"db", "web"}, w.client(t, "member", "2.25").names("tags=blue"), "tags came with 2.26")
}

func TestServerListRefusesWhatItCannotDo(t *testing.T) {
	w := newWorld(t)
	c := w.client(t, "member", "2.96")
	for query, message := range map[string]string{
		"color=red": "Additional properties are not allowed ('color' was unexpected)", "status=HAPPY": "Invalid status value", "name=[": "is not a 'regex'", "ip=[": "is not a 'regex'",
		"changes-since=yesterday": "changes-since", "changes-since=2030-01-02T00:00:00Z&changes-before=2030-01-01T00:00:00Z": "must be less than or equal to changes-before",
		"limit=-1": "limit", "limit=x": "limit", "marker=none": "", "sort_key=color": "is not one of", "sort_key=memory_mb": "is not one of", "sort_dir=up": "sort direction",
		"all_tenants=perhaps": "Unrecognized value 'perhaps'", "locked=maybe": "locked",
	} {
		res := c.get("/servers?" + query)
		require.Equal(t, 400, res.Status, query)
		name, got := fault(t, res)
		require.Equal(t, "badRequest", name)
		require.Contains(t, got, message, query)
	}
	for _, query := range []string{"all_tenants=1", "sort_key=host", "status=deleted"} {
		name, _ := fault(t, c.get("/servers?"+query).Want(403))
		require.Equal(t, "forbidden", name, query)
	}
	old := w.client(t, "member", "2.37")
	_, message := fault(t, old.get("/servers?metadata=x").Want(400))
	require.Equal(t, "Invalid filter field: metadata.", message)
	require.Empty(t, old.names("status=HAPPY"))
	require.Empty(t, old.names("color=red&sort_key=memory_mb"))
}

func TestDeletedServersAreListedToThoseWhoMaySee(t *testing.T) {
	w := newWorld(t)
	s := w.server(t, func(in *compute.CreateServer) { in.Name = "gone" })
	w.clock.Advance(time.Hour)
	require.NoError(t, w.compute.DeleteServer(as(t, "member"), s.ID))
	w.idle(t)
	require.Empty(t, w.client(t, "member", "2.96").names(""))
	require.Equal(t, []string{"gone"}, w.client(t, "member", "2.96").names("changes-since=2030-01-01T00:30:00Z"))
	admin := w.client(t, "admin", "2.96")
	require.Equal(t, []string{"gone"}, admin.names("deleted=true"))
	require.Equal(t, []string{"gone"}, admin.names("changes-since=2030-01-01T00:30:00Z"))
	require.Empty(t, admin.names("deleted=false&changes-since=2030-01-01T00:30:00Z"))
	require.Equal(t, []string{"gone"}, w.client(t, "member", "2.96").names("deleted=false&changes-since=2030-01-01T00:30:00Z"), "others cannot say")
	require.Equal(t, []string{"gone"}, admin.names("status=deleted"))
	var out struct{ Servers []object }
	admin.get("/servers/detail?deleted=true").Want(200).JSON(&out)
	require.Equal(t, "DELETED", out.Servers[0]["status"])
	require.NotNil(t, out.Servers[0]["OS-SRV-USG:terminated_at"])
}

func TestServersByAddressInPages(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.server(t)
	}
	c := w.client(t, "member", "2.96")
	seen, path := 0, "/servers?limit=2&ip=10.0"
	for pages := 0; path != ""; pages++ {
		require.Less(t, pages, 2)
		var out struct {
			Servers []object
			Links   []struct{ Href string } `json:"servers_links"`
		}
		c.get(path).Want(200).JSON(&out)
		seen, path = seen+len(out.Servers), ""
		if len(out.Links) > 0 {
			path = out.Links[0].Href[len("https://cloud.example/compute/v2.1"):]
		}
	}
	require.Equal(t, 3, seen)
}
