// Package metrics counts HTTP requests for Prometheus.
package metrics

import (
	"errors"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// HTTP counts the requests of one service. All services share a registry.
type HTTP struct {
	service  string
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

// New registers the metrics in reg, or finds them there; a nil reg counts for nobody.
func New(reg prometheus.Registerer, service string) (*HTTP, error) {
	m := &HTTP{
		service: service,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cumulite_http_requests_total",
			Help: "Requests answered, by path template and status."}, []string{"service", "method", "route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "cumulite_http_request_seconds",
			Help: "Time from the request's headers to the answer's last byte."}, []string{"service", "method", "route"}),
	}
	if reg == nil {
		return m, nil
	}
	var err error
	if m.requests, err = registered(reg, m.requests); err != nil {
		return nil, err
	}
	m.seconds, err = registered(reg, m.seconds)
	return m, err
}

// registered gives the collector of that name in reg, c when there was none.
func registered[C prometheus.Collector](reg prometheus.Registerer, c C) (C, error) {
	err := reg.Register(c)
	if there := (prometheus.AlreadyRegisteredError{}); errors.As(err, &there) {
		if same, ok := there.ExistingCollector.(C); ok {
			return same, nil
		}
	}
	return c, err
}

// Count counts one answer. It has few label values whatever callers send: unknown paths share one, and so do unknown methods.
func (m *HTTP) Count(route, method string, status int, took time.Duration) {
	switch method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE":
	default:
		method = "other"
	}
	m.requests.WithLabelValues(m.service, method, route, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(m.service, method, route).Observe(took.Seconds())
}
