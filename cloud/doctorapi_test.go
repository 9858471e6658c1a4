package cloud_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/cloud/cloudapi"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/httpapi/httpapitest"
)

// Only administrators examine a cloud, and have it repaired.
func TestCloudAPIWalk(t *testing.T) {
	w := newWorld(t)
	eye := w.login("eye", "blue")
	api := w.APIs()["/cumulite"]
	require.NotNil(t, api)
	httpapitest.Walk(t, httpapitest.WalkConfig{
		API: api,
		Token: func(c httpapitest.Caller) string {
			return map[httpapitest.Caller]string{httpapitest.Other: w.red.Token, httpapitest.Reader: eye.Token, httpapitest.Member: w.blue.Token, httpapitest.Admin: w.admin.Token}[c]
		},
		Prepare: func(_ testing.TB, r httpapi.Route, _ httpapitest.Caller) httpapitest.Call {
			if r.Method == "POST" {
				return httpapitest.Call{Body: object{"repair": true, "deep": true}}
			}
			return httpapitest.Call{}
		},
		Expect: map[string]string{"GET /doctor": "403 403 403 200", "POST /doctor": "403 403 403 200"},
	})
}

func TestDoctorOverHTTPTellsWhatItFoundAndMended(t *testing.T) {
	w := newWorld(t)
	w.exec("INSERT INTO quota_usage (project_id, service, resource, used) VALUES ('p', 'compute', 'cores', 7)")
	quotas := func(method string, body any) cloudapi.Invariant {
		var report cloudapi.Report
		w.admin.Do(method, "/cumulite/v1/doctor", body).Want(200).JSON(&report)
		for _, inv := range report.Invariants {
			if inv.Name == "compute.quotas" {
				require.Equal(t, report.Held, inv.Held)
				return inv
			}
		}
		t.Fatal("compute.quotas was not examined")
		return cloudapi.Invariant{}
	}
	found := quotas("GET", nil)
	require.Equal(t, []cloudapi.Finding{{Object: "count of project p cores", Says: "it is too high by 7"}}, found.Findings)
	require.False(t, found.Held)
	require.True(t, quotas("POST", object{"repair": true}).Findings[0].Mended)
	require.Empty(t, quotas("GET", nil).Findings)
	w.admin.Do("POST", "/cumulite/v1/doctor", object{"mend": true}).Want(400)
}

// What was found last is on /metrics.
func TestARunningCloudExaminesItselfNowAndThen(t *testing.T) {
	w := newStill(t)
	w.exec("INSERT INTO quota_usage (project_id, service, resource, used) VALUES ('p', 'compute', 'cores', 7)")
	held := func() map[string]float64 {
		families, err := w.metrics.Gather()
		require.NoError(t, err)
		by := map[string]float64{}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				if f.GetName() == "cumulite_invariant_held" {
					by[m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue()
				}
			}
		}
		return by
	}
	require.Empty(t, held())
	w.o.Clock.(*clock.Manual).Advance(20 * time.Minute)
	require.Eventually(t, func() bool { return len(held()) > 15 }, 10*time.Second, 10*time.Millisecond)
	require.Zero(t, held()["compute.quotas"])
	require.Equal(t, 1.0, held()["network.quotas"])
	require.Contains(t, w.log.String(), "something does not hold")
}
