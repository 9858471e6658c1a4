package metadata_test

import (
	"bufio"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/drivers/linuxnet/metadata"
)

var files = map[string][]byte{
	"openstack/latest/meta_data.json":            []byte(`{}`),
	"openstack/latest/user_data":                 []byte("#!"),
	"latest/meta-data/hostname":                  []byte("vm"),
	"latest/meta-data/public-keys/":              []byte("0=key"),
	"latest/meta-data/public-keys/0/openssh-key": []byte("ssh"),
}

func find(a netip.Addr) (map[string][]byte, bool) { return files, a == netip.MustParseAddr("10.0.0.5") }

func ask(method, from, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.RemoteAddr = from
	r.Header.Set("X-Forwarded-For", "10.0.0.5")
	w := httptest.NewRecorder()
	metadata.Handler(find).ServeHTTP(w, r)
	return w
}

func TestFilesAndFolders(t *testing.T) {
	for path, want := range map[string]string{
		"/openstack/latest/meta_data.json":            "{}",
		"/openstack/latest/../latest//meta_data.json": "{}",
		"/openstack/latest/":                          "meta_data.json\nuser_data",
		"/openstack":                                  "latest",
		"/":                                           "latest\nopenstack",
		"/latest/meta-data":                           "hostname\npublic-keys/",
		"/latest/meta-data/public-keys/":              "0=key",
		"/latest/meta-data/public-keys/0":             "openssh-key",
	} {
		w := ask(http.MethodGet, "10.0.0.5:999", path)
		require.Equal(t, http.StatusOK, w.Code, path)
		require.Equal(t, want, w.Body.String(), path)
	}
	require.Equal(t, "application/json", ask(http.MethodGet, "10.0.0.5:1", "/openstack/latest/meta_data.json").Header().Get("Content-Type"))
	head := ask(http.MethodHead, "10.0.0.5:1", "/latest/meta-data/hostname")
	require.Equal(t, "2", head.Header().Get("Content-Length"))
	require.Empty(t, head.Body.String())
}

func TestNothingElseIsAnswered(t *testing.T) {
	require.Equal(t, http.StatusNotFound, ask(http.MethodGet, "10.0.0.6:999", "/openstack").Code, "the header says it is someone else")
	require.Equal(t, http.StatusNotFound, ask(http.MethodGet, "10.0.0.5:999", "/open").Code)
	require.Equal(t, http.StatusNotFound, ask(http.MethodPost, "10.0.0.5:999", "/openstack").Code)
}

func TestOneGuestDoesNotUseUpTheServer(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	s := metadata.Serve(l, func(netip.Addr) (map[string][]byte, bool) { return files, true }, slog.New(slog.DiscardHandler))
	defer s.Close()
	dial := func(from string) net.Conn {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		c, err := d.DialContext(t.Context(), "tcp4", l.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { c.Close() })
		return c
	}
	served := func(c net.Conn) bool {
		require.NoError(t, c.SetDeadline(time.Now().Add(5*time.Second)))
		if _, err := c.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
			return false
		}
		answer, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return false
		}
		return answer.Body.Close() == nil
	}
	var held []net.Conn
	for range 16 {
		c := dial("127.0.0.2")
		require.True(t, served(c))
		held = append(held, c)
	}
	require.False(t, served(dial("127.0.0.2")), "more than its share")
	require.True(t, served(dial("127.0.0.3")), "another guest")
	held[0].Close()
	require.Eventually(t, func() bool { return served(dial("127.0.0.2")) }, 5*time.Second, 10*time.Millisecond)
}
