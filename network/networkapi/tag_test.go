package networkapi_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTagsAreKeptAndFilteredBy(t *testing.T) {
	w := newWorld(t)
	c := w.as("member")
	path := "/networks/" + c.make("network", "/networks", object{"name": "tagged"})["id"].(string) + "/tags"
	c.make("network", "/networks", object{"name": "plain"})
	require.Equal(t, []any{"a", "b"}, c.call("PUT", path, object{"tags": []string{"b", "a", "b"}}, 200)["tags"])
	c.call("PUT", path+"/c%20d", nil, 201)
	c.call("GET", path+"/c%20d", nil, 204)
	c.call("DELETE", path+"/a", nil, 204)
	c.refused("DELETE", path+"/a", nil, 404, "TagNotFound")
	c.refused("GET", path+"/a", nil, 404, "TagNotFound")
	require.Equal(t, []any{"b", "c d"}, c.get(path)["tags"])
	for query, want := range map[string][]string{
		"tags=b": {"tagged"}, "tags=b,x": nil, "tags-any=b,x": {"tagged"}, "not-tags=b": {"plain"}, "not-tags-any=x,b": {"plain"},
	} {
		require.Equal(t, want, names(c.get("/networks?"+query), "networks", "name"), query)
	}
	c.refused("PUT", path, object{"tags": []string{strings.Repeat("x", 256)}}, 400, "HTTPBadRequest")
	c.refused("PUT", path, object{"tags": "x"}, 400, "HTTPBadRequest")
	c.refused("PUT", path, object{"tag": []string{}}, 400, "HTTPBadRequest")
	c.call("DELETE", path, nil, 204)
	require.Empty(t, c.get(path)["tags"])
	w.as("other").refused("GET", path, nil, 404, "NetworkNotFound")
	w.as("reader").refused("DELETE", path, nil, 403, "PolicyNotAuthorized")
}

func TestExtensionsAreFoundByAlias(t *testing.T) {
	w := newWorld(t)
	c := w.as("reader")
	require.Contains(t, names(c.get("/extensions"), "extensions", "alias"), "standard-attr-tag")
	require.Equal(t, "Availability Zone", c.get("/extensions/availability_zone")["extension"].(object)["name"])
	c.refused("GET", "/extensions/trunk", nil, 404, "HTTPNotFound")
}

func TestVersionDocumentsNeedNoToken(t *testing.T) {
	w := newWorld(t)
	c := w.as("")
	for _, path := range []string{"/networking", "/networking/"} {
		require.Contains(t, string(c.Get(path).Want(200).Body), `"href":"https://cloud.example/networking/v2.0/"`)
	}
	for _, path := range []string{"/networking/v2.0", "/networking/v2.0/"} {
		require.Contains(t, string(c.Get(path).Want(200).Body), "https://cloud.example/networking/v2.0/subnets")
	}
}
