package imageapi_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/drivers/file/fileimage"
	"github.com/cumulite/cumulite/image"
	"github.com/cumulite/cumulite/image/imageapi"
	"github.com/cumulite/cumulite/image/imagetest"
	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/httpapi/httpapitest"
	"github.com/cumulite/cumulite/platform/httpapi/openapi"
	"github.com/cumulite/cumulite/platform/secret"
)

// tokens verifies tokens that are named like their callers.
type tokens struct{}

func (tokens) Verify(ctx context.Context, token secret.String) (auth.Grant, error) {
	roles := map[string][]string{"reader": {"reader"}, "member": {"member", "reader"}, "other": {"member", "reader"},
		"admin": {"admin", "manager", "member", "reader"}}[token.Reveal()]
	if roles == nil {
		return auth.Grant{}, errs.New(errs.Unauthenticated, "The request you have made requires authentication.")
	}
	project := "p1"
	if token.Reveal() == "other" {
		project = "p2"
	}
	return auth.From(imagetest.As(ctx, project, roles...)), nil
}

func serve(t *testing.T) (*httpapi.API, *imagetest.World) {
	dir := t.TempDir()
	open := func() image.Store {
		s, err := fileimage.Open(dir)
		require.NoError(t, err)
		return s
	}
	w := imagetest.NewWorld(t, imagetest.Harness{Store: open(), Reopen: open})
	api, err := imageapi.New(w.Images, httpapi.Config{Prefix: "/image", PublicURL: "https://cloud.example", Verifier: tokens{}, Clock: w.Clock})
	require.NoError(t, err)
	return api, w
}

func client(t *testing.T, api http.Handler, as string) httpapitest.Client {
	return httpapitest.Client{T: t, Handler: api}.With("X-Auth-Token", as).With("Accept", "application/json")
}

type object = map[string]any

func TestAnImagesLife(t *testing.T) {
	api, w := serve(t)
	c := client(t, api, "member")
	var i object
	created := c.Do("POST", "/image/v2/images", object{"name": "disk", "disk_format": "raw", "container_format": "bare", "os_distro": "debian", "tags": []string{"x"}}).Want(201)
	created.JSON(&i)
	id := i["id"].(string)
	require.Equal(t, "https://cloud.example/image/v2/images/"+id, created.Header.Get("Location"))
	require.Equal(t, "queued", i["status"])
	require.Equal(t, "shared", i["visibility"])
	require.Equal(t, "debian", i["os_distro"])
	require.Nil(t, i["size"])
	require.Contains(t, i, "checksum")

	c.Get("/image/v2/images/" + id + "/file").Want(204)
	disk := imagetest.Disk(70_000)
	c.With("Content-Type", "application/octet-stream").Do("PUT", "/image/v2/images/"+id+"/file", disk).Want(204)
	c.Get("/image/v2/images/" + id).Want(200).JSON(&i)
	require.Equal(t, "active", i["status"])
	require.InDelta(t, 70_000, i["size"], 0)
	require.Equal(t, "sha512", i["os_hash_algo"])
	require.Equal(t, w.Clock.Now().Format(time.RFC3339), i["created_at"])
	require.Equal(t, disk, c.Get("/image/v2/images/"+id+"/file").Want(200).Body)
	part := c.With("Range", "bytes=100-199").Get("/image/v2/images/" + id + "/file").Want(206)
	require.Equal(t, disk[100:200], part.Body)

	c.With("Content-Type", "application/openstack-images-v2.1-json-patch").Do("PATCH", "/image/v2/images/"+id, []object{
		{"op": "replace", "path": "/name", "value": "root"}, {"op": "add", "path": "/a~1b", "value": "1"}, {"op": "remove", "path": "/os_distro"},
	}).Want(200).JSON(&i)
	require.Equal(t, "root", i["name"])
	require.Equal(t, "1", i["a/b"])
	c.Do("DELETE", "/image/v2/images/"+id, nil).Want(204)
	c.Get("/image/v2/images/" + id).Want(404)
}

func TestListsPageAndFilter(t *testing.T) {
	api, w := serve(t)
	for range 3 {
		w.Create(t)
		w.Clock.Advance(time.Minute)
	}
	c := client(t, api, "member")
	seen := map[string]bool{}
	path := "/v2/images?limit=2&sort=created_at:asc"
	for page := 0; path != ""; page++ {
		require.Less(t, page, 3)
		var out struct {
			Images []object
			Next   string
		}
		c.Get("/image" + path).Want(200).JSON(&out)
		for _, i := range out.Images {
			require.False(t, seen[i["id"].(string)])
			seen[i["id"].(string)] = true
		}
		path = out.Next
	}
	require.Len(t, seen, 3)
	var out struct{ Images []object }
	c.Get("/image/v2/images?status=active").Want(200).JSON(&out)
	require.Empty(t, out.Images)
	c.Get("/image/v2/images?size_min=x").Want(400)
	c.Get("/image/v2/images?marker=" + uuid.NewString()).Want(400)
	client(t, api, "other").Get("/image/v2/images").Want(200).JSON(&out)
	require.Empty(t, out.Images)
}

func TestBadRequestsChangeNothing(t *testing.T) {
	api, w := serve(t)
	i := w.Create(t)
	c := client(t, api, "member")
	for _, body := range []any{object{"name": 5}, object{"disk_format": "exe"}, object{"visibility": "open"}, object{"property": 5}, "{", []int{1}} {
		c.Do("POST", "/image/v2/images", body).Want(400)
	}
	c.Do("POST", "/image/v2/images", object{"status": "active"}).Want(403)
	c.With("Content-Type", "application/octet-stream").Do("PUT", "/image/v2/images/"+i.ID+"/file", []byte("QFI\xfb\x00\x00\x00\x03")).Want(415)
	p := c.With("Content-Type", "application/openstack-images-v2.1-json-patch")
	path := "/image/v2/images/" + i.ID
	p.Do("PATCH", path, []object{{"op": "replace", "path": "/status", "value": "active"}}).Want(409)
	p.Do("PATCH", path, []object{{"op": "add", "path": "/status", "value": "active"}}).Want(403)
	p.Do("PATCH", path, []object{{"op": "remove", "path": "/name"}}).Want(403)
	p.Do("PATCH", path, []object{{"op": "replace", "path": "/min_disk", "value": nil}}).Want(400)
	p.Do("PATCH", path, []object{{"op": "add", "path": "/x", "value": 5}}).Want(400)
	p.Do("PATCH", path, []object{{"op": "add", "path": "/x/y", "value": "5"}}).Want(400)
	p.Do("PATCH", path, []object{{"op": "replace", "path": "/absent", "value": "5"}}).Want(409)
	p.Do("PATCH", path, []object{{"op": "move", "path": "/name", "value": "5"}}).Want(400)
	c.Do("PATCH", path, []object{}).Want(415)
	got, err := w.Images.GetImage(w.Ctx, i.ID)
	require.NoError(t, err)
	require.Equal(t, i.UpdatedAt, got.UpdatedAt)
}

// Tempest speaks the draft, glanceclient asks for the schemas, and neither takes
// the path of an image without its id for that of all images.
func TestOldPatchesSchemasAndEmptyIDs(t *testing.T) {
	api, w := serve(t)
	i := w.Create(t)
	c := client(t, api, "member")
	path := "/image/v2/images/" + i.ID
	p := c.With("Content-Type", "application/openstack-images-v2.0-json-patch")
	var got object
	p.Do("PATCH", path, []object{{"replace": "/name", "value": "old"}, {"add": "/x", "value": "1"}, {"add": "/y", "value": "2"}, {"remove": "/x"}}).Want(200).JSON(&got)
	require.Equal(t, "old", got["name"])
	require.Equal(t, "2", got["y"])
	require.NotContains(t, got, "x")
	p.Do("PATCH", path, []object{{"op": "replace", "path": "/name", "value": "new"}}).Want(400)
	p.Do("PATCH", path, []object{{"replace": "/name", "add": "/x", "value": "new"}}).Want(400)
	c.With("Content-Type", "application/openstack-images-v2.1-json-patch").Do("PATCH", path, []object{{"replace": "/name", "value": "new"}}).Want(400)

	for _, name := range []string{"image", "images"} {
		var schema object
		c.Get("/image/v2/schemas/" + name).Want(200).JSON(&schema)
		require.Equal(t, name, schema["name"])
		require.NotEmpty(t, schema["properties"])
	}
	c.Get("/image/v2/images/").Want(404)
	c.Do("DELETE", "/image/v2/images/", nil).Want(404)
	c.Get("/image/v2/").Want(300)
}

func TestVersionDocumentNeedsNoToken(t *testing.T) {
	api, _ := serve(t)
	c := httpapitest.Client{T: t, Handler: api}
	for _, path := range []string{"/image", "/image/"} {
		require.Contains(t, string(c.Get(path).Want(300).Body), "https://cloud.example/image/v2/")
	}
	doc, err := openapi.Document(api)
	require.NoError(t, err)
	require.Contains(t, string(doc), "/images/{image_id}/file")
}

// Every route as every kind of caller: other project, reader, member, admin.
func TestWalk(t *testing.T) {
	api, w := serve(t)
	httpapitest.Walk(t, httpapitest.WalkConfig{
		API:   api,
		Token: func(c httpapitest.Caller) string { return string(c) },
		Prepare: func(t testing.TB, r httpapi.Route, _ httpapitest.Caller) httpapitest.Call {
			i, err := w.Images.CreateImage(w.Ctx, image.CreateImage{DiskFormat: "raw", ContainerFormat: "bare", Tags: []string{"t"}})
			require.NoError(t, err)
			call := httpapitest.Call{Path: map[string]string{"image_id": i.ID, "tag": "t"}, Header: http.Header{}}
			switch {
			case r.Pattern == "/images/{image_id}/actions/reactivate" || r.Pattern == "/images/{image_id}/actions/deactivate":
				require.NoError(t, w.Images.Upload(w.Ctx, i.ID, http.NoBody))
			case r.Method == "PATCH":
				call.Body = []object{}
				call.Header.Set("Content-Type", "application/openstack-images-v2.1-json-patch")
			case r.Method == "PUT" && r.Raw:
				call.Body = imagetest.Disk(600)
				call.Header.Set("Content-Type", "application/octet-stream")
			case r.Method == "POST":
				call.Body = object{}
			}
			return call
		},
		Expect: map[string]string{
			"GET /schemas/image":                         "200",
			"GET /schemas/images":                        "200",
			"POST /images":                               "201 403 201 201",
			"GET /images":                                "200",
			"GET /images/{image_id}":                     "404 200 200 200",
			"PATCH /images/{image_id}":                   "404 403 200 200",
			"DELETE /images/{image_id}":                  "404 403 204 204",
			"PUT /images/{image_id}/file":                "404 403 204 204",
			"GET /images/{image_id}/file":                "404 204 204 204",
			"PUT /images/{image_id}/tags/{tag}":          "404 403 204 204",
			"DELETE /images/{image_id}/tags/{tag}":       "404 403 204 204",
			"POST /images/{image_id}/actions/deactivate": "404 403 204 204",
			"POST /images/{image_id}/actions/reactivate": "404 403 204 204",
		},
	})
}
