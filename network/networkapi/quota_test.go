package networkapi_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestQuotasAreShownSetAndReset(t *testing.T) {
	w := newWorld(t)
	c, admin := w.as("member"), w.as("admin")
	limit := func(path string) any { return c.get(path)["quota"].(object)["network"] }
	require.InDelta(t, 100, limit("/quotas/p1"), 0)
	set := admin.call("PUT", "/quotas/p1", object{"quota": object{"network": "1", "port": -1}}, 200)["quota"].(object)
	require.InDelta(t, 1, set["network"], 0)
	require.InDelta(t, 100, set["subnet"], 0)
	require.InDelta(t, 100, limit("/quotas/p1/default"), 0)
	c.refused("POST", "/networks", object{"networks": []object{{}, {}}}, 409, "OverQuota")
	require.Empty(t, c.get("/networks")["networks"], "all or nothing")
	c.make("network", "/networks", object{})
	c.refused("POST", "/networks", object{"network": object{}}, 409, "OverQuota")
	for _, path := range []string{"/quotas/p1/details", "/quotas/p1/details.json"} {
		require.Equal(t, object{"limit": 1.0, "used": 1.0, "reserved": 0.0}, limit(path), path)
	}
	admin.call("PUT", "/quotas/p1", object{"quota": object{"network": 0, "force": true}}, 200)
	message := admin.refused("PUT", "/quotas/p1", object{"quota": object{"network": 0, "subnet": 5, "check_limit": true}}, 400, "HTTPBadRequest")
	require.Equal(t, "Quota limit 0 for network must be greater than or equal to already used 1", message)
	require.InDelta(t, 100, c.get("/quotas/p1")["quota"].(object)["subnet"], 0, "nothing of a refused change is done")
	require.Equal(t, object{"tenant_id": "p1"}, c.get("/quotas/tenant")["tenant"])
	require.Equal(t, []string{"p1"}, names(admin.get("/quotas"), "quotas", "tenant_id"))
	admin.call("DELETE", "/quotas/p1", nil, 204)
	require.Empty(t, admin.get("/quotas")["quotas"])
	c.make("network", "/networks", object{})
	for _, bad := range []object{{"network": -2}, {"network": "many"}, {"server": 3}, {"network": 1 << 31}} {
		admin.refused("PUT", "/quotas/p1", object{"quota": bad}, 400, "HTTPBadRequest")
	}
}
