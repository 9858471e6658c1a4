package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/httpapi"
)

// slow is an API in which requests wait for gate to be closed, two of one caller at once.
func slow(t *testing.T, timeout time.Duration) (r rig, entered chan string, gate chan struct{}) {
	t.Helper()
	entered, gate = make(chan string, 100), make(chan struct{})
	wait := func(r *httpapi.Request) (any, error) {
		entered <- r.Method
		select {
		case <-gate:
		case <-r.Ctx().Done():
		}
		if r.PathValue("how") == "panic" {
			panic("it happens")
		}
		return nil, nil
	}
	cfg := config()
	cfg.Limits = httpapi.Limits{AtOnce: 2, Timeout: timeout}
	api, err := httpapi.New(cfg, []httpapi.Route{
		{Method: "GET", Pattern: "/wait/{how}", Action: "w:wait", Handle: wait},
		{Method: "PUT", Pattern: "/wait/{how}", Action: "w:send", Raw: true, Handle: wait},
		{Method: "POST", Pattern: "/wait/{how}", Action: httpapi.Public, Handle: wait},
	})
	require.NoError(t, err)
	return rig{api: api}, entered, gate
}

func TestOneProjectLeavesRoomForOthers(t *testing.T) {
	r, entered, gate := slow(t, time.Minute)
	answers, all := make(chan *httptest.ResponseRecorder, 100), sync.WaitGroup{}
	send := func(method, token string) {
		all.Go(func() { answers <- r.do(method, "/compute/v2.1/wait/panic", "", "X-Auth-Token", token) })
	}
	for range 11 {
		send("GET", "good")
	}
	refused := <-answers
	require.Equal(t, http.StatusTooManyRequests, refused.Code, "two are served, eight wait, and one is too many")
	require.Equal(t, "1", refused.Header().Get("Retry-After"))
	send("GET", "other")
	send("PUT", "good") // what moves bytes waits apart
	send("POST", "")
	for range 5 {
		<-entered
	}
	require.Empty(t, entered)
	close(gate)
	all.Wait()
	require.Len(t, entered, 8, "each gets its turn, also after one that panics")
	require.Len(t, answers, 13)
	w := r.do("GET", "/compute/v2.1/wait/x", "")
	require.Equal(t, 200, w.Code, "and those that come later")
}

func TestWaitingForATurnIsBounded(t *testing.T) {
	r, entered, gate := slow(t, 50*time.Millisecond)
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() { r.do("PUT", "/compute/v2.1/wait/x", "") })
		<-entered
	}
	w := r.do("PUT", "/compute/v2.1/wait/x", "")
	require.Equal(t, http.StatusGatewayTimeout, w.Code)
	close(gate)
	all.Wait()
}
