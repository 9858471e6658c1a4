package agentclient_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/cloud/agent/agentclient"
	"github.com/cumulite/cumulite/cloud/fleet/join"
	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/errs"
)

// source is a controller that has one image, and cuts each answer after some bytes.
type source struct {
	*httptest.Server
	image   []byte
	cut     int // bytes of each answer; 0 is none, below 0 is all
	asked   atomic.Int64
	tickets atomic.Int64
}

func newSource(t *testing.T, cut int) *source {
	s := &source{image: make([]byte, 1<<20), cut: cut}
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(s.image)
	s.Server = httptest.NewTLSServer(http.HandlerFunc(s.answer))
	t.Cleanup(s.Close)
	return s
}

func (s *source) answer(w http.ResponseWriter, r *http.Request) {
	s.asked.Add(1)
	from, status := 0, http.StatusOK
	if text := r.Header.Get("Range"); text != "" {
		if _, err := fmt.Sscanf(text, "bytes=%d-", &from); err != nil {
			http.Error(w, "", http.StatusBadRequest)
			return
		}
		status = http.StatusPartialContent
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(s.image)-from))
	w.WriteHeader(status)
	rest := s.image[from:]
	if s.cut >= 0 && len(rest) > s.cut {
		_, _ = w.Write(rest[:s.cut])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(rest)
}

func (s *source) images(more ...string) compute.Images {
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return agentclient.NewImages(&tls.Config{RootCAs: pool, ServerName: "example.com"}, func(context.Context, string) (join.Ticket, error) {
		s.tickets.Add(1)
		return join.Ticket{Addresses: append(more, strings.TrimPrefix(s.URL, "https://"))}, nil
	})
}

func TestDownloadThatIsCutIsResumed(t *testing.T) {
	s := newSource(t, 300_000)
	r, err := s.images().Open(t.Context(), "image")
	require.NoError(t, err)
	got, err := io.ReadAll(r)
	require.NoError(t, err)
	require.True(t, bytes.Equal(s.image, got))
	require.NoError(t, r.Close())
	require.EqualValues(t, 4, s.asked.Load())
	require.EqualValues(t, 4, s.tickets.Load(), "each time with a ticket of its own")
}

func TestDownloadThatComesToNothingEnds(t *testing.T) {
	s := newSource(t, 0)
	r, err := s.images().Open(t.Context(), "image")
	require.NoError(t, err)
	_, err = io.ReadAll(r)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.EqualValues(t, 4, s.asked.Load())
}

func TestDownloadEndsWithItsReader(t *testing.T) {
	s := newSource(t, 300_000)
	ctx, cancel := context.WithCancel(t.Context())
	r, err := s.images().Open(ctx, "image")
	require.NoError(t, err)
	_, err = io.ReadFull(r, make([]byte, 1000))
	require.NoError(t, err)
	cancel()
	_, err = io.ReadAll(r)
	require.True(t, errors.Is(err, context.Canceled), "%v", err)
}

func TestOtherControllerIsAskedForAnImage(t *testing.T) {
	s := newSource(t, -1)
	r, err := s.images("127.0.0.1:1").Open(t.Context(), "image")
	require.NoError(t, err)
	got, err := io.ReadAll(r)
	require.NoError(t, err)
	require.True(t, bytes.Equal(s.image, got))
	s.Close()
	_, err = s.images().Open(t.Context(), "image")
	require.Equal(t, errs.Unavailable, errs.KindOf(err))
}
