package computeapi_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/quota"
)

// BenchmarkDetailThousandServers lists a thousand servers in detail through
// the API.
func BenchmarkDetailThousandServers(b *testing.B) {
	w := newWorld(b)
	_, err := w.compute.SetClassQuotas(as(b, "admin"), "default", map[quota.Resource]int{"instances": -1, "cores": -1, "ram": -1})
	require.NoError(b, err)
	_, err = w.network.SetQuotas(as(b, "admin"), "p1", map[quota.Resource]int{"port": -1})
	require.NoError(b, err)
	_, err = w.compute.CreateServer(as(b, "member"), compute.CreateServer{Name: "vm", FlavorID: w.flavor(b, "f").ID, ImageID: w.image, Min: 1000, Metadata: map[string]string{"a": "b"}})
	require.NoError(b, err)
	w.idle(b)
	for _, version := range []string{"2.1", "2.96"} {
		b.Run(version, func(b *testing.B) {
			for b.Loop() {
				require.Greater(b, len(w.client(b, "member", version).get("/servers/detail").Want(200).Body), 1000*1000)
			}
		})
	}
}
