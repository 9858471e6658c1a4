package identityapi_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/httpapi"
)

// benchWorld is a world whose service runs, as in a cloud.
func benchWorld(b *testing.B) *world {
	w := newWorld(b, httpapi.Config{})
	go func() { _ = w.Run(b.Context()) }()
	return w
}

// serveTCP gives a function that sends a request over a kept connection and
// wants the status.
func serveTCP(b *testing.B, h http.Handler) func(r *http.Request, status int) {
	server := httptest.NewServer(h)
	b.Cleanup(server.Close)
	transport := &http.Transport{MaxIdleConnsPerHost: 64, DialContext: (&net.Dialer{}).DialContext}
	b.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	return func(r *http.Request, status int) {
		r.URL.Scheme, r.URL.Host, r.RequestURI = "http", server.Listener.Addr().String(), ""
		got, err := client.Do(r)
		if err != nil {
			b.Error(err)
			return
		}
		_, _ = io.Copy(io.Discard, got.Body)
		_ = got.Body.Close()
		if got.StatusCode != status {
			b.Errorf("%d", got.StatusCode)
		}
	}
}

func serveDirect(b *testing.B, h http.Handler) func(r *http.Request, status int) {
	return func(r *http.Request, status int) {
		got := httptest.NewRecorder()
		h.ServeHTTP(got, r)
		if got.Code != status {
			b.Errorf("%d: %s", got.Code, got.Body)
		}
	}
}

func each(b *testing.B, fn func(b *testing.B, send func(*http.Request, int), w *world)) {
	for name, serve := range map[string]func(*testing.B, http.Handler) func(*http.Request, int){"handler": serveDirect, "tcp": serveTCP} {
		b.Run(name, func(b *testing.B) {
			w := benchWorld(b)
			fn(b, serve(b, w.api), w)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
		})
	}
}

func BenchmarkValidateToken(b *testing.B) {
	each(b, func(b *testing.B, send func(*http.Request, int), w *world) {
		admin, subject := w.tokenOf("ada"), w.tokenOf("ann")
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				r := httptest.NewRequestWithContext(b.Context(), "GET", "/identity/v3/auth/tokens", nil)
				r.Header.Set("X-Auth-Token", admin)
				r.Header.Set("X-Subject-Token", subject)
				send(r, 200)
			}
		})
	})
}

func BenchmarkIssueTokenForToken(b *testing.B) {
	each(b, func(b *testing.B, send func(*http.Request, int), w *world) {
		body, err := json.Marshal(object{"auth": object{"identity": object{"methods": []string{"token"}, "token": object{"id": w.tokenOf("ann")}},
			"scope": object{"project": object{"id": w.web.ID}}}})
		require.NoError(b, err)
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				r := httptest.NewRequestWithContext(b.Context(), "POST", "/identity/v3/auth/tokens", bytes.NewReader(body))
				r.Header.Set("Content-Type", "application/json")
				send(r, 201)
			}
		})
	})
}
