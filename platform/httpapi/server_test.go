package httpapi_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/httpapi"
)

func TestConnectionOutlivesAPanic(t *testing.T) {
	srv := httptest.NewServer(newRig(t, nil).api)
	defer srv.Close()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	in := bufio.NewReader(conn)
	for path, status := range map[string]int{"/broken/panic": 500, "/widgets/1": 200, "/none": 404} {
		_, err = fmt.Fprintf(conn, "GET /compute/v2.1%s HTTP/1.1\r\nHost: x\r\nX-Auth-Token: good\r\n\r\n", path)
		require.NoError(t, err)
		res, err := http.ReadResponse(in, nil)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, res.Body)
		require.NoError(t, err)
		require.Equal(t, status, res.StatusCode)
	}
}

func TestBodyThatNeverComesIsNotWaitedFor(t *testing.T) {
	srv := httptest.NewServer(newRig(t, func(c *httpapi.Config) { c.Limits.Timeout = 50 * time.Millisecond }).api)
	defer srv.Close()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	_, err = fmt.Fprint(conn, "POST /compute/v2.1/widgets HTTP/1.1\r\nHost: x\r\nX-Auth-Token: good\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{")
	require.NoError(t, err)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.Equal(t, 504, res.StatusCode)
}

func TestManyCallersAtOnceGetTheirOwnAnswers(t *testing.T) {
	r := newRig(t, func(c *httpapi.Config) { c.Logger = nil })
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				id, version := fmt.Sprintf("w%d-%d", i, j), fmt.Sprintf("2.%d", 1+(i*j)%30)
				w := r.do("GET", "/compute/v2.1/widgets/"+id, "", at, version)
				if !strings.Contains(w.Body.String(), id) || w.Header().Get(at) != version {
					t.Errorf("%s at %s: %s", id, version, w.Body)
				}
				if w := r.do("POST", "/compute/v2.1/widgets", `{"widget":{"name":"`+id+`"}}`, at, version); w.Code != 202 {
					t.Errorf("%s", w.Body)
				}
			}
		})
	}
	wg.Wait()
}

// No bytes that a caller may send make a fault of ours.
func FuzzBody(f *testing.F) {
	for _, s := range []string{`{"os-start":null}`, `{"reboot":{"type":"SOFT"}}`, `{"reboot":{"type":["HARD"]}}`, `[1e999]`, `{"":{}}`, "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		r := newRig(t, nil)
		for _, path := range []string{"/widgets", "/widgets/1/action"} {
			w := r.do("POST", "/compute/v2.1"+path, body)
			require.Less(t, w.Code, 500, w.Body.String())
		}
	})
}

func BenchmarkShow(b *testing.B) {
	cfg := config()
	api, err := httpapi.New(cfg, rows())
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest("GET", "/compute/v2.1/widgets/1", nil)
		r.Header.Set("X-Auth-Token", "good")
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		if w.Code != 200 {
			b.Fatal(w.Body)
		}
	}
}

// bytesAPI takes and gives bytes without an end; done is closed when a handler has ended.
func bytesAPI(t *testing.T, patience time.Duration, done chan struct{}) *httptest.Server {
	cfg := config()
	cfg.Limits.Timeout = patience
	api, err := httpapi.New(cfg, []httpapi.Route{
		{Method: "PUT", Pattern: "/bytes", Action: "w:upload", Raw: true, Status: 204, ContentTypes: []string{"application/octet-stream"},
			Handle: func(r *httpapi.Request) (any, error) {
				_, err := io.Copy(io.Discard, r.Body)
				return nil, err
			}},
		{Method: "GET", Pattern: "/bytes", Action: "w:download", Raw: true, Handle: func(*httpapi.Request) (any, error) {
			return httpapi.Stream{Size: 1 << 40, Open: func(context.Context, int64) (io.ReadCloser, error) { return endless{done}, nil }}, nil
		}},
	})
	require.NoError(t, err)
	srv := httptest.NewServer(api)
	t.Cleanup(srv.Close)
	return srv
}

// endless is a body of zeros.
type endless struct{ closed chan struct{} }

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func (e endless) Close() error {
	close(e.closed)
	return nil
}

func dial(t *testing.T, srv *httptest.Server, request string) net.Conn {
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprint(conn, request)
	require.NoError(t, err)
	return conn
}

const uploadOfTen = "PUT /compute/v2.1/bytes HTTP/1.1\r\nHost: x\r\nX-Auth-Token: good\r\nContent-Type: application/octet-stream\r\nContent-Length: 10\r\n\r\n"

func TestUploadMayTakeLongButNotStall(t *testing.T) {
	srv := bytesAPI(t, 400*time.Millisecond, nil)
	conn := dial(t, srv, uploadOfTen)
	for range 10 { // longer than the timeout of other requests
		time.Sleep(60 * time.Millisecond)
		_, err := conn.Write([]byte("x"))
		require.NoError(t, err)
	}
	in := bufio.NewReader(conn)
	res, err := http.ReadResponse(in, nil)
	require.NoError(t, err)
	require.Equal(t, 204, res.StatusCode)

	time.Sleep(500 * time.Millisecond) // nothing of it holds for the connection's next request
	_, err = fmt.Fprint(conn, uploadOfTen+"x")
	require.NoError(t, err)
	res, err = http.ReadResponse(in, nil)
	require.NoError(t, err)
	require.Equal(t, 504, res.StatusCode)
}

func TestUploadThatEndsEarlyIsNoSuccess(t *testing.T) {
	srv := bytesAPI(t, time.Minute, nil)
	conn := dial(t, srv, uploadOfTen+"x")
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.Equal(t, 499, res.StatusCode)
}

func TestUploadOfAnotherTypeIsRefused(t *testing.T) {
	srv := bytesAPI(t, time.Minute, nil)
	r, err := http.NewRequest("PUT", srv.URL+"/compute/v2.1/bytes", strings.NewReader("{}"))
	require.NoError(t, err)
	r.Header.Set("X-Auth-Token", "good")
	r.Header.Set("Content-Type", "application/json")
	res, err := srv.Client().Do(r)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, 415, res.StatusCode)
}

func TestDownloadThatNobodyTakesEnds(t *testing.T) {
	done := make(chan struct{})
	srv := bytesAPI(t, 50*time.Millisecond, done)
	dial(t, srv, "GET /compute/v2.1/bytes HTTP/1.1\r\nHost: x\r\nX-Auth-Token: good\r\n\r\n")
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("the handler writes to nobody")
	}
}
