package imageapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/image"
)

func TestListsFilterByProperties(t *testing.T) {
	api, w := serve(t)
	for _, distro := range []string{"debian", `o"'%`} {
		_, err := w.Images.CreateImage(w.Ctx, image.CreateImage{Properties: map[string]string{"os_distro": distro, "a.b": "c"}})
		require.NoError(t, err)
	}
	w.Create(t)
	c := client(t, api, "member")
	for query, want := range map[string]int{
		"": 3, "os_distro=debian": 1, "os_distro=o%22%27%25": 1, "os_distro=other": 0, "a.b=c": 2, "a.b=c&os_distro=debian": 1, "absent=x": 0,
		"member_status=all": 3, "visibility=all": 3, "limit=2": 2, "sort=name:asc&limit=1": 1, "sort_key=name&sort_dir=asc": 3,
	} {
		var out struct{ Images []object }
		c.Get("/image/v2/images?" + query).Want(200).JSON(&out)
		require.Len(t, out.Images, want, query)
	}
	var many strings.Builder
	for n := range 1500 {
		fmt.Fprintf(&many, "p%d=x&", n)
	}
	c.Get("/image/v2/images?" + many.String()).Want(400)
}
