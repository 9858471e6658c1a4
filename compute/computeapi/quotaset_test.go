package computeapi_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestQuotasAreSetShownAndCleared(t *testing.T) {
	w := newWorld(t)
	admin := w.client(t, "admin", "2.57")
	var out struct {
		Set map[string]any `json:"quota_set"`
	}
	admin.do("PUT", "/os-quota-sets/p2", object{"quota_set": object{"cores": "7", "instances": -1}}).Want(200).JSON(&out)
	require.NotContains(t, out.Set, "id")
	require.Equal(t, 7.0, out.Set["cores"])
	w.client(t, "other", "2.57").get("/os-quota-sets/p2").Want(200).JSON(&out)
	require.Equal(t, "p2", out.Set["id"])
	require.Equal(t, -1.0, out.Set["instances"])
	w.client(t, "other", "2.57").get("/os-quota-sets/p2/detail").Want(200).JSON(&out)
	require.Equal(t, object{"limit": 7.0, "in_use": 0.0, "reserved": 0.0}, out.Set["cores"])
	admin.get("/os-quota-sets/p2/defaults").Want(200).JSON(&out)
	require.Equal(t, 20.0, out.Set["cores"])
	admin.do("DELETE", "/os-quota-sets/p2", nil).Want(202)
	admin.get("/os-quota-sets/p2").Want(200).JSON(&out)
	require.Equal(t, 20.0, out.Set["cores"])

	admin.do("PUT", "/os-quota-sets/p2?user_id=u", object{"quota_set": object{"cores": 1}}).Want(400)
	admin.do("PUT", "/os-quota-sets/p2", object{"quota_set": object{"cores": -2}}).Want(400)
	admin.do("PUT", "/os-quota-sets/p2", object{"quota_set": object{"floating_ips": 1}}).Want(400)
	admin.do("PUT", "/os-quota-sets/p2", object{"quota_set": object{"cores": "many"}}).Want(400)
	w.client(t, "admin", "2.35").do("PUT", "/os-quota-sets/p2", object{"quota_set": object{"floating_ips": 1}}).Want(200)
}

func TestALimitBelowWhatIsUsedTakesForce(t *testing.T) {
	w := newWorld(t)
	w.client(t, "member", "2.64").do("POST", "/os-server-groups", object{"server_group": object{"name": "g", "policy": "affinity"}}).Want(200)
	admin := w.client(t, "admin", "2.57")
	_, message := fault(t, admin.do("PUT", "/os-quota-sets/p1", object{"quota_set": object{"server_groups": 0}}).Want(400))
	require.Equal(t, "Quota limit 0 for server_groups must be greater than or equal to already used and reserved 1.", message)
	admin.do("PUT", "/os-quota-sets/p1", object{"quota_set": object{"server_groups": 0, "force": true}}).Want(200)
}

func TestTheDefaultClassHoldsForProjectsWithoutLimitsOfTheirOwn(t *testing.T) {
	w := newWorld(t)
	admin := w.client(t, "admin", "2.57")
	admin.do("PUT", "/os-quota-sets/p1", object{"quota_set": object{"cores": 1}}).Want(200)
	admin.do("PUT", "/os-quota-class-sets/default", object{"quota_class_set": object{"cores": 5}}).Want(200)
	admin.do("PUT", "/os-quota-class-sets/other", object{"quota_class_set": object{"cores": 6}}).Want(400)
	for project, want := range map[string]float64{"p1": 1, "p2": 5} {
		var out struct {
			Set map[string]any `json:"quota_set"`
		}
		admin.get("/os-quota-sets/" + project).Want(200).JSON(&out)
		require.Equal(t, want, out.Set["cores"])
	}
	var class struct {
		Set map[string]any `json:"quota_class_set"`
	}
	admin.get("/os-quota-class-sets/default").Want(200).JSON(&class)
	require.Equal(t, "default", class.Set["id"])
	require.Equal(t, 5.0, class.Set["cores"])
}

func TestLimitsByMicroversion(t *testing.T) {
	w := newWorld(t)
	names := func(version string) []string {
		var out struct {
			Limits struct{ Absolute map[string]int }
		}
		w.client(t, "reader", version).get("/limits?reserved=1").Want(200).JSON(&out)
		require.Equal(t, 20, out.Limits.Absolute["maxTotalCores"])
		return slices.Sorted(maps.Keys(out.Limits.Absolute))
	}
	require.Len(t, names(""), 19)
	require.Len(t, names("2.36"), 14)
	require.Len(t, names("2.39"), 13)
	require.Len(t, names("2.57"), 11)
	w.client(t, "member", "").get("/limits?tenant_id=p2").Want(403)
	w.client(t, "admin", "").get("/limits?tenant_id=p2").Want(200)
}
