package stream_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/httpapi/stream"
)

const digits = "0123456789"

// store counts what is open.
type store struct{ opened, open int }

type body struct {
	io.Reader
	s *store
}

func (b body) Close() error { b.s.open--; return nil }

func (s *store) stream() stream.Stream {
	return stream.Stream{Size: int64(len(digits)), Open: func(_ context.Context, offset int64) (io.ReadCloser, error) {
		s.opened++
		s.open++
		return body{strings.NewReader(digits[offset:]), s}, nil
	}}
}

func serve(s stream.Stream, method, ranges string) (*httptest.ResponseRecorder, error) {
	r := httptest.NewRequest(method, "/", nil)
	if ranges != "" {
		r.Header.Set("Range", ranges)
	}
	w := httptest.NewRecorder()
	return w, stream.Serve(w, r, s)
}

func TestRangesAreOpenedAtTheirOffset(t *testing.T) {
	for ranges, want := range map[string]string{"": digits, "bytes=0-0": "0", "bytes=4-": "456789", "bytes=-2": "89", "bytes=4-400": "456789"} {
		s := &store{}
		w, err := serve(s.stream(), "GET", ranges)
		require.NoError(t, err)
		require.Equal(t, want, w.Body.String(), ranges)
		require.Equal(t, "application/octet-stream", w.Header().Get("Content-Type"))
		require.Equal(t, 1, s.opened, "opened once")
		require.Zero(t, s.open, "and closed")
	}
	s := &store{}
	w, err := serve(s.stream(), "GET", "bytes=1-2,7-8")
	require.NoError(t, err)
	require.Equal(t, http.StatusPartialContent, w.Code)
	require.Contains(t, w.Body.String(), "\r\n12\r\n")
	require.Contains(t, w.Body.String(), "\r\n78\r\n")
	require.Zero(t, s.open)
}

func TestNothingIsOpenedForHeadAndBadRanges(t *testing.T) {
	s := &store{}
	w, err := serve(s.stream(), "HEAD", "")
	require.NoError(t, err)
	require.Equal(t, "10", w.Header().Get("Content-Length"))
	w, err = serve(s.stream(), "GET", "bytes=99-")
	require.NoError(t, err)
	require.Equal(t, http.StatusRequestedRangeNotSatisfiable, w.Code)
	require.Zero(t, s.opened)
}

func TestFailuresAreReported(t *testing.T) {
	lost := errors.New("lost")
	w, err := serve(stream.Stream{Size: 5, Open: func(context.Context, int64) (io.ReadCloser, error) { return nil, lost }}, "GET", "")
	require.ErrorIs(t, err, lost)
	require.Zero(t, w.Body.Len())
	require.Empty(t, w.Header(), "nothing was written: a fault can be")
	half := io.MultiReader(strings.NewReader("01"), errReader{lost})
	w, err = serve(stream.Stream{Size: 5, Open: func(context.Context, int64) (io.ReadCloser, error) { return io.NopCloser(half), nil }}, "GET", "")
	require.ErrorIs(t, err, lost)
	require.Equal(t, "01", w.Body.String())
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }
