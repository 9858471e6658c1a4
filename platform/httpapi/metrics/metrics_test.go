package metrics_test

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/httpapi/metrics"
)

func TestServicesShareARegistryAndMethodsAreBounded(t *testing.T) {
	reg := prometheus.NewRegistry()
	for _, service := range []string{"compute", "image"} {
		m, err := metrics.New(reg, service)
		require.NoError(t, err)
		m.Count("/x/{id}", "GET", 200, time.Second)
		m.Count("", "BREW", 404, time.Second)
		m.Count("", "MASH", 404, time.Second)
	}
	families, err := reg.Gather()
	require.NoError(t, err)
	require.Len(t, families, 2)
	for _, f := range families {
		require.Len(t, f.Metric, 4, "%s: one for each service and route, however many methods", f.GetName())
	}
}

func TestATakenNameIsAnError(t *testing.T) {
	reg := prometheus.NewRegistry()
	reg.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "cumulite_http_requests_total"}))
	_, err := metrics.New(reg, "compute")
	require.Error(t, err)
	m, err := metrics.New(nil, "compute")
	require.NoError(t, err)
	m.Count("/", "GET", 200, 0)
}
