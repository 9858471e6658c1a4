package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/secret"
)

// tokens is a Verifier that knows a few.
type tokens map[string]auth.Claims

func (t tokens) Verify(_ context.Context, token secret.String) (auth.Grant, error) {
	c, ok := t[token.Reveal()]
	if !ok {
		return auth.Grant{}, errs.New(errs.Unauthenticated, "no such token")
	}
	return auth.Authenticated(c), nil
}

var known = tokens{
	"good":   {User: auth.Ref{ID: "u1"}, Project: auth.Ref{ID: "p1"}, Roles: []auth.Ref{{ID: "m", Name: "member"}}},
	"other":  {User: auth.Ref{ID: "u3"}, Project: auth.Ref{ID: "p2"}},
	"reader": {User: auth.Ref{ID: "u2"}, Project: auth.Ref{ID: "p1"}, ReadOnly: true},
}

type widget struct {
	ID    string        `json:"id" api:"readonly"`
	Name  string        `json:"name" api:"required,min=1,max=255"`
	Color string        `json:"color,omitempty" since:"2.10"`
	Tags  []string      `json:"tags,omitempty" until:"2.20"`
	Pass  secret.String `json:"password,omitzero"`
}

type widgetBody struct {
	Widget widget `json:"widget" api:"required"`
}

type startBody struct {
	Start any `json:"os-start"`
}

type rebootBody struct {
	Reboot struct {
		Type string `json:"type" api:"required,enum=HARD|SOFT"`
	} `json:"reboot" api:"required"`
}

type widgetQuery struct {
	Limit int      `json:"limit" api:"min=0"`
	All   bool     `json:"all_tenants"`
	Tags  []string `json:"tags"`
}

func text(s string) func(*httpapi.Request) (any, error) {
	return func(*httpapi.Request) (any, error) { return map[string]string{"served": s}, nil }
}

func rows() []httpapi.Route {
	return []httpapi.Route{
		{Method: "GET", Pattern: "/widgets/{id}", Action: "w:show", Response: widgetBody{}, Handle: func(r *httpapi.Request) (any, error) {
			if r.PathValue("id") == "missing" {
				return nil, errs.Missing("Widget", "missing")
			}
			return widgetBody{widget{ID: r.PathValue("id"), Name: "n", Color: "red", Tags: []string{"t"}}}, nil
		}},
		{Method: "DELETE", Pattern: "/widgets/{id}", Action: "w:delete", Status: 204, Handle: func(*httpapi.Request) (any, error) { return nil, nil }},
		{Method: "GET", Pattern: "/widgets", Action: "w:list", Query: widgetQuery{}, Handle: func(r *httpapi.Request) (any, error) {
			q, err := httpapi.Query[widgetQuery](r)
			if err != nil {
				return nil, err
			}
			return map[string]any{"widgets": []map[string]any{{"id": q.Limit, "all": q.All, "tags": q.Tags}}, "next": r.NextLink("m 1")}, nil
		}},
		{Method: "POST", Pattern: "/widgets", Action: "w:create", Request: widgetBody{}, Status: 202,
			Handle: httpapi.Body(func(r *httpapi.Request, in *widgetBody) (any, error) {
				r.Header().Set("Location", r.URLFor("/widgets/1"))
				return in, nil
			})},
		{Method: "POST", Pattern: "/widgets/{id}/action", BodyKey: "os-start", Action: "w:start", Request: startBody{}, Handle: text("start")},
		{Method: "POST", Pattern: "/widgets/{id}/action", BodyKey: "reboot", Action: "w:reboot", Request: rebootBody{}, Handle: text("reboot")},
		{Method: "POST", Pattern: "/widgets/{id}/action", BodyKey: "old", Action: "w:old", Until: httpapi.V("2.5"), Handle: text("old")},
		{Method: "POST", Pattern: "/widgets/{id}/action", BodyKey: "old", Action: "w:old", Since: httpapi.V("2.9"), Handle: text("new")},
		{Method: "GET", Pattern: "/public", Action: httpapi.Public, Handle: func(r *httpapi.Request) (any, error) {
			return map[string]any{"nobody": auth.From(r.Ctx()).IsZero(), "id": auth.RequestID(r.Ctx())}, nil
		}},
		{Method: "GET", Pattern: "/whoami", Action: httpapi.Authenticated, Handle: func(r *httpapi.Request) (any, error) {
			return map[string]any{"user": auth.From(r.Ctx()).UserID(), "roles": r.Request.Header.Values("X-Roles"), "req": auth.From(r.Ctx()).RequestID()}, nil
		}},
		{Method: "GET", Pattern: "/broken/{how}", Action: "w:break", Handle: func(r *httpapi.Request) (any, error) {
			switch r.PathValue("how") {
			case "panic":
				panic("canary-panic")
			case "slow":
				<-r.Ctx().Done()
				return nil, r.Ctx().Err()
			case "gone":
				return nil, context.Canceled
			case "quota":
				return nil, errs.New(errs.Quota, "too many")
			case "busy":
				return nil, errs.New(errs.Unavailable, "later")
			case "halfway":
				_, _ = r.Writer().Write([]byte("half"))
				panic("canary-halfway")
			}
			return nil, errs.Wrap(io.ErrUnexpectedEOF, "canary-internal")
		}},
		{Method: "GET", Pattern: "/bytes/{id}", Action: "w:download", Raw: true, Handle: func(r *httpapi.Request) (any, error) {
			return httpapi.Stream{Size: 10, Open: func(_ context.Context, offset int64) (io.ReadCloser, error) {
				if r.PathValue("id") == "lost" {
					return nil, errs.New(errs.Unavailable, "the store does not answer")
				}
				return io.NopCloser(strings.NewReader("0123456789"[offset:])), nil
			}}, nil
		}},
		{Method: "PUT", Pattern: "/bytes/{id}", Action: "w:upload", Raw: true, Status: 204, Handle: func(r *httpapi.Request) (any, error) {
			_, err := io.Copy(io.Discard, r.Body)
			return nil, err
		}},
		{Method: "PATCH", Pattern: "/widgets/{id}", Action: "w:patch", Request: []map[string]string{},
			ContentTypes: []string{"application/json-patch"}, Handle: httpapi.Body(func(_ *httpapi.Request, in *[]map[string]string) (any, error) {
				return in, nil
			})},
	}
}

type rig struct {
	api  *httpapi.API
	logs *bytes.Buffer
	reg  *prometheus.Registry
}

func config() httpapi.Config {
	return httpapi.Config{
		Service: "compute", Title: "Compute", Prefix: "/compute", Root: "/v2.1", PublicURL: "https://cloud.example", IdentityURL: "https://cloud.example/identity",
		Verifier: known, Fault: faults, Lists: lists, RequestIDHeader: "X-Compute-Request-Id",
		Versions: &httpapi.Microversions{Min: httpapi.V("2.1"), Max: httpapi.V("2.96"), Type: "compute", LegacyHeader: "X-OpenStack-Nova-API-Version"},
		Document: documents,
	}
}

func newRig(t *testing.T, change func(*httpapi.Config)) rig {
	t.Helper()
	r := rig{logs: &bytes.Buffer{}, reg: prometheus.NewRegistry()}
	cfg := config()
	cfg.Logger, cfg.Metrics = slog.New(slog.NewJSONHandler(r.logs, nil)), r.reg
	if change != nil {
		change(&cfg)
	}
	var err error
	r.api, err = httpapi.New(cfg, rows())
	require.NoError(t, err)
	return r
}

// do sends a request with the good token; headers come in pairs, and "" takes one away.
func (r rig) do(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	req.Header.Set("X-Auth-Token", "good")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
		if headers[i+1] == "" {
			req.Header.Del(headers[i])
		}
	}
	w := httptest.NewRecorder()
	r.api.ServeHTTP(w, req)
	return w
}

func message(t *testing.T, w *httptest.ResponseRecorder) (name, message string) {
	t.Helper()
	var doc map[string]struct{ Message string }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &doc), w.Body.String())
	for name, in := range doc {
		return name, in.Message
	}
	return "", ""
}

const at = "X-OpenStack-Nova-API-Version"

func TestDispatchByMethodPathActionAndVersion(t *testing.T) {
	r := newRig(t, nil)
	for _, c := range []struct {
		method, path, body, version string
		status                      int
		want                        string
	}{
		{"GET", "/compute/v2.1/widgets/7", "", "2.5", 200, `"id":"7"`},
		{"GET", "/compute/v2.1/widgets/7/", "", "2.5", 200, `"id":"7"`},
		{"GET", "/compute/v2.1/widgets/a%2Fb", "", "2.5", 200, `"id":"a/b"`},
		{"GET", "/compute/v2.1/widgets/7%2F", "", "2.5", 200, `"id":"7/"`},
		{"HEAD", "/compute/v2.1/widgets/7", "", "", 200, ``},
		{"GET", "/compute/v2.1/nothing", "", "", 404, `"Not Found"`},
		{"GET", "/elsewhere", "", "", 404, `could not be found`},
		{"GET", "/compute/v2.1//widgets/7", "", "", 404, `Not Found`},
		{"GET", "/compute/v2.1/x/../widgets/7", "", "", 404, `Not Found`},
		{"PUT", "/compute/v2.1/widgets/7", "", "", 405, `"Method Not Allowed"`},
		{"POST", "/compute/v2.1/widgets/7/action", `{"os-start":null}`, "", 200, `start`},
		{"POST", "/compute/v2.1/widgets/7/action", `{"reboot":{"type":"SOFT"}}`, "", 200, `reboot`},
		{"POST", "/compute/v2.1/widgets/7/action", `{"reboot":{"type":"x"}}`, "", 400, `type: 'x' is not one of ['HARD', 'SOFT']`},
		{"POST", "/compute/v2.1/widgets/7/action", `{"foo":1}`, "", 400, `There is no such action: foo`},
		{"POST", "/compute/v2.1/widgets/7/action", `{"a":1,"b":2}`, "", 400, `Malformed request body`},
		{"POST", "/compute/v2.1/widgets/7/action", `[]`, "", 400, `Malformed request body`},
		{"POST", "/compute/v2.1/widgets/7/action", ``, "", 400, `Malformed request body`},
		{"POST", "/compute/v2.1/widgets/7/action", `{"old":1}`, "2.5", 200, `old`},
		{"POST", "/compute/v2.1/widgets/7/action", `{"old":1}`, "2.7", 404, `Not Found`},
		{"POST", "/compute/v2.1/widgets/7/action", `{"old":1}`, "2.9", 200, `new`},
		{"DELETE", "/compute/v2.1/widgets/7", "", "", 204, ``},
	} {
		w := r.do(c.method, c.path, c.body, at, c.version)
		require.Equal(t, c.status, w.Code, "%s %s %s: %s", c.method, c.path, c.body, w.Body)
		require.Contains(t, w.Body.String(), c.want, c.path)
	}
	require.Equal(t, "DELETE, GET, HEAD, PATCH", r.do("PUT", "/compute/v2.1/widgets/7", "").Header().Get("Allow"))
}

type tripwire struct{ t *testing.T }

func (w tripwire) Read([]byte) (int, error) {
	w.t.Error("the body was read")
	return 0, io.EOF
}

func TestUnknownRoutesReadNoBodyAndAskNoToken(t *testing.T) {
	r := newRig(t, func(c *httpapi.Config) { c.Verifier = tokens{} })
	for path, status := range map[string]int{"/compute/v2.1/none": 404, "/compute/v2.1/public": 405, "/x": 404} {
		w := httptest.NewRecorder()
		r.api.ServeHTTP(w, httptest.NewRequest("POST", path, tripwire{t}))
		require.Equal(t, status, w.Code, path)
	}
	w := httptest.NewRecorder()
	r.api.ServeHTTP(w, httptest.NewRequest("POST", "/compute/v2.1/widgets", tripwire{t}))
	require.Equal(t, 401, w.Code, "nor does a caller without a token get its body read")
}

func TestNewRefusesRowsThatCannotBeServed(t *testing.T) {
	ok := text("")
	for name, rows := range map[string][]httpapi.Route{
		"no action":     {{Method: "GET", Pattern: "/a", Handle: ok}},
		"no handler":    {{Method: "GET", Pattern: "/a", Action: "x"}},
		"twice":         {{Method: "GET", Pattern: "/a", Action: "x", Handle: ok}, {Method: "GET", Pattern: "/a", Action: "y", Handle: ok}},
		"overlap":       {{Method: "GET", Pattern: "/a", Action: "x", Until: httpapi.V("2.5"), Handle: ok}, {Method: "GET", Pattern: "/a", Action: "y", Since: httpapi.V("2.5"), Handle: ok}},
		"wildcards":     {{Method: "GET", Pattern: "/a/{id}", Action: "x", Handle: ok}, {Method: "PUT", Pattern: "/a/{name}", Action: "y", Handle: ok}},
		"bad pattern":   {{Method: "GET", Pattern: "/a/{", Action: "x", Handle: ok}},
		"mixed public":  {{Method: "GET", Pattern: "/a", Action: "x", Until: httpapi.V("2.4"), Handle: ok}, {Method: "GET", Pattern: "/a", Action: httpapi.Public, Since: httpapi.V("2.5"), Handle: ok}},
		"raw with body": {{Method: "PUT", Pattern: "/a", BodyKey: "k", Raw: true, Action: "x", Handle: ok}},
	} {
		_, err := httpapi.New(config(), rows)
		require.Error(t, err, name)
	}
	_, err := httpapi.New(httpapi.Config{Service: "x"}, nil)
	require.Error(t, err)
}

func TestMicroversionsInBothHeaders(t *testing.T) {
	r := newRig(t, nil)
	for _, c := range []struct {
		header, value, want string
		status              int
	}{
		{"OpenStack-API-Version", "compute 2.79", "2.79", 200},
		{"OpenStack-API-Version", "volume 3.70, Compute 2.15 ,x 1.1", "2.15", 200},
		{"OpenStack-API-Version", "volume 3.70", "2.1", 200},
		{"OpenStack-API-Version", "compute latest", "2.96", 200},
		{at, "2.79", "2.79", 200},
		{at, "latest", "2.96", 200},
		{at, "", "2.1", 200},
		{at, "2.97", "2.97", 406},
		{at, "1.0", "1.0", 406},
		{at, "2.01", "", 400},
		{"OpenStack-API-Version", "compute", "2.1", 200},
		{"OpenStack-API-Version", "compute two", "", 400},
	} {
		w := r.do("GET", "/compute/v2.1/widgets/1", "", c.header, c.value)
		require.Equal(t, c.status, w.Code, c.value)
		require.Equal(t, c.want, w.Header().Get(at), c.value)
		require.Equal(t, []string{"Openstack-Api-Version", at}, w.Header().Values("Vary"))
		if c.want != "" {
			require.Equal(t, "compute "+c.want, w.Header().Get("OpenStack-API-Version"))
		}
	}
	name, msg := message(t, r.do("GET", "/compute/v2.1/widgets/1", "", at, "2.97"))
	require.Equal(t, "error", name)
	require.Equal(t, "Version 2.97 is not supported by the API. Minimum is 2.1 and maximum is 2.96.", msg)
	_, msg = message(t, r.do("GET", "/compute/v2.1/widgets/1", "", at, "x"))
	require.Equal(t, "API Version String x is of invalid format. Must be of format MajorNum.MinorNum.", msg)
	require.NotContains(t, r.do("GET", "/compute/v2.1/widgets/1", "", at, "2.9").Body.String(), "color")
	require.Contains(t, r.do("GET", "/compute/v2.1/widgets/1", "", at, "2.10").Body.String(), "color")
}

func TestCallersWithoutAValidTokenAreToldWhereToGetOne(t *testing.T) {
	r := newRig(t, nil)
	for _, token := range []string{"", "bad"} {
		w := r.do("GET", "/compute/v2.1/widgets/1", "", "X-Auth-Token", token)
		require.Equal(t, 401, w.Code)
		require.Equal(t, `Keystone uri="https://cloud.example/identity"`, w.Header().Get("WWW-Authenticate"))
		require.JSONEq(t, `{"error":{"code":401,"title":"Unauthorized","message":"The request you have made requires authentication."}}`, w.Body.String())
	}
	require.Equal(t, 200, r.do("GET", "/compute/v2.1/public", "", "X-Auth-Token", "bad").Code)
}

func TestIdentityHeadersFromOutsideSayNothing(t *testing.T) {
	w := newRig(t, nil).do("GET", "/compute/v2.1/whoami", "", "X-Roles", "admin", "X-User-Id", "root", "X-Identity-Status", "Confirmed")
	var out struct {
		User, Req string
		Roles     []string
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &out))
	require.Equal(t, "u1", out.User)
	require.Empty(t, out.Roles)
	require.Equal(t, w.Header().Get("X-Openstack-Request-Id"), out.Req)
}

func TestReadOnlyGrantsMayOnlyRead(t *testing.T) {
	r := newRig(t, nil)
	require.Equal(t, 200, r.do("GET", "/compute/v2.1/widgets/1", "", "X-Auth-Token", "reader").Code)
	require.Equal(t, 403, r.do("DELETE", "/compute/v2.1/widgets/1", "", "X-Auth-Token", "reader").Code)
}

func TestRequestIDs(t *testing.T) {
	r := newRig(t, nil)
	global := "req-01234567-89ab-cdef-0123-456789abcdef"
	w := r.do("GET", "/compute/v2.1/public", "", "X-Openstack-Request-Id", global)
	id := w.Header().Get("X-Openstack-Request-Id")
	require.Regexp(t, `^req-[0-9a-f-]{36}$`, id)
	require.NotEqual(t, global, id)
	require.Equal(t, id, w.Header().Get("X-Compute-Request-Id"))
	require.Contains(t, w.Body.String(), id)
	require.Contains(t, r.logs.String(), global)
	r.do("GET", "/compute/v2.1/public", "", "X-Openstack-Request-Id", "req-evil\"\n")
	require.NotContains(t, r.logs.String(), "evil")
}

func TestBodiesAreBounded(t *testing.T) {
	r := newRig(t, nil)
	post := func(body string, headers ...string) *httptest.ResponseRecorder {
		return r.do("POST", "/compute/v2.1/widgets", body, headers...)
	}
	good := `{"widget":{"name":"a"}}`
	require.Equal(t, 202, post(good).Code)
	require.Equal(t, 202, post(good, "Content-Type", "").Code)
	require.Equal(t, 202, post(good, "Content-Type", "application/json; charset=utf-8").Code)
	require.Equal(t, 415, post(good, "Content-Type", "text/xml").Code)
	require.Equal(t, 413, post(`{"widget":{"name":"`+strings.Repeat("x", 114688)+`"}}`).Code)
	require.Equal(t, 200, r.do("PATCH", "/compute/v2.1/widgets/1", `[{"a":"x"}]`, "Content-Type", "application/json-patch").Code)
	for _, bad := range []string{`{`, strings.Repeat(`[`, 65) + strings.Repeat(`]`, 65), `{"widget":` + strings.Repeat(`{"a":`, 100)} {
		w := post(bad)
		require.Equal(t, 400, w.Code)
		_, msg := message(t, w)
		require.Equal(t, "Malformed request body", msg)
	}
	_, msg := message(t, post(""))
	require.Equal(t, "None is not of type 'object'", msg)
	_, msg = message(t, post(`{"widget":{"name":"a","zoo":1}}`))
	require.Equal(t, "widget: Additional properties are not allowed ('zoo' was unexpected)", msg)
	require.Equal(t, "https://cloud.example/compute/v2.1/widgets/1", post(good).Header().Get("Location"))
	require.Equal(t, 204, r.do("PUT", "/compute/v2.1/bytes/1", strings.Repeat("x", 1<<20)).Code, "streams are not bounded here")
}

func TestQueriesAreValidatedAndDecoded(t *testing.T) {
	r := newRig(t, nil)
	w := r.do("GET", "/compute/v2.1/widgets?limit=3&all_tenants=True&tags=a&tags=b", "")
	require.JSONEq(t, `{"widgets":[{"id":3,"all":true,"tags":["a","b"]}],
		"next":"https://cloud.example/compute/v2.1/widgets?all_tenants=True&limit=3&marker=m+1&tags=a&tags=b"}`, w.Body.String())
	_, msg := message(t, r.do("GET", "/compute/v2.1/widgets?limit=-1", ""))
	require.Equal(t, "Invalid input for query parameters limit. Value: -1. -1 is less than the minimum of 0", msg)
	_, msg = message(t, r.do("GET", "/compute/v2.1/widgets?limt=1", ""))
	require.Equal(t, "Additional properties are not allowed ('limt' was unexpected)", msg)
}

func TestFailuresShowKindsAndHideCauses(t *testing.T) {
	r := newRig(t, func(c *httpapi.Config) { c.Limits.Timeout = 20 * time.Millisecond })
	for how, status := range map[string]int{"panic": 500, "internal": 500, "slow": 504, "quota": 403, "busy": 503} {
		w := r.do("GET", "/compute/v2.1/broken/"+how, "")
		require.Equal(t, status, w.Code, how)
		require.NotContains(t, w.Body.String(), "canary")
		if status == 500 {
			require.Contains(t, w.Body.String(), w.Header().Get("X-Openstack-Request-Id"))
		}
	}
	require.Contains(t, r.logs.String(), "canary-internal")
	require.Contains(t, r.logs.String(), "canary-panic")
	require.Contains(t, r.logs.String(), "api_test.go", "with the stack")
	require.Equal(t, "1", r.do("GET", "/compute/v2.1/broken/busy", "").Header().Get("Retry-After"))
	name, msg := message(t, r.do("GET", "/compute/v2.1/widgets/missing", ""))
	require.Equal(t, "error", name)
	require.Equal(t, "Widget missing could not be found.", msg)
}

func TestAnswersCutShortDoNotLookWhole(t *testing.T) {
	r := newRig(t, nil)
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { r.do("GET", "/compute/v2.1/broken/halfway", "") })
	require.Contains(t, r.logs.String(), "canary-halfway")
}

func TestCallerThatIsGoneGetsNothing(t *testing.T) {
	r := newRig(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	req := httptest.NewRequest("GET", "/compute/v2.1/broken/gone", nil).WithContext(ctx)
	req.Header.Set("X-Auth-Token", "good")
	w := httptest.NewRecorder()
	r.api.ServeHTTP(w, req)
	require.Empty(t, w.Body.String())
	require.Contains(t, r.logs.String(), `"status":499`)
}

func TestStreamsServeRanges(t *testing.T) {
	r := newRig(t, nil)
	w := r.do("GET", "/compute/v2.1/bytes/1", "")
	require.Equal(t, "0123456789", w.Body.String())
	require.Equal(t, "application/octet-stream", w.Header().Get("Content-Type"))
	require.Equal(t, "10", w.Header().Get("Content-Length"))
	w = r.do("GET", "/compute/v2.1/bytes/1", "", "Range", "bytes=3-5")
	require.Equal(t, 206, w.Code)
	require.Equal(t, "345", w.Body.String())
	require.Equal(t, 416, r.do("GET", "/compute/v2.1/bytes/1", "", "Range", "bytes=30-").Code)
	require.Equal(t, 503, r.do("GET", "/compute/v2.1/bytes/lost", "").Code, "a fault while nothing is written")
	require.Equal(t, 200, r.do("HEAD", "/compute/v2.1/bytes/lost", "").Code, "HEAD opens nothing")
	require.Panics(t, func() { r.do("GET", "/compute/v2.1/bytes/lost", "", "Range", "bytes=3-5") })
}

func TestAccessLogAndMetricsNameTheTemplateOnly(t *testing.T) {
	r := newRig(t, nil)
	r.do("GET", "/compute/v2.1/widgets/secret-id?limit=canary", "", "X-Auth-Token", "good")
	r.do("BREW", "/nowhere/canary", "")
	require.NotContains(t, r.logs.String(), "canary")
	require.NotContains(t, r.logs.String(), "good")
	require.Contains(t, r.logs.String(), `"route":"/compute/v2.1/widgets/{id}"`)
	require.Contains(t, r.logs.String(), `"project":"p1"`)
	families, err := r.reg.Gather()
	require.NoError(t, err)
	var all strings.Builder
	for _, f := range families {
		for _, m := range f.Metric {
			all.WriteString(f.GetName() + m.String() + "\n")
		}
	}
	require.Contains(t, all.String(), `/compute/v2.1/widgets/{id}`)
	require.NotContains(t, all.String(), "BREW")
	_, err = httpapi.New(func() httpapi.Config { c := config(); c.Metrics = r.reg; return c }(), nil)
	require.NoError(t, err, "two APIs share one registry")
}

func TestUnknownParametersAreRefusedFromAMicroversionOn(t *testing.T) {
	r := newRig(t, func(c *httpapi.Config) { c.StrictQuery = httpapi.V("2.75") })
	require.Equal(t, 200, r.do("GET", "/compute/v2.1/widgets?color=red", "", at, "2.74").Code)
	w := r.do("GET", "/compute/v2.1/widgets?color=red", "", at, "2.75")
	require.Equal(t, 400, w.Code)
	require.Contains(t, w.Body.String(), "Additional properties are not allowed ('color' was unexpected)")
	require.Equal(t, 400, r.do("GET", "/compute/v2.1/widgets?limit=x", "", at, "2.74").Code, "known ones are always checked")
}

func TestOldRootServesTheLowestMicroversionLoosely(t *testing.T) {
	r := newRig(t, func(c *httpapi.Config) { c.OldRoot = "/v2" })
	w := r.do("GET", "/compute/v2/widgets/7", "", at, "2.15")
	require.Equal(t, 200, w.Code)
	require.NotContains(t, w.Body.String(), "color")
	require.Empty(t, w.Header().Get(at))
	require.Equal(t, 202, r.do("POST", "/compute/v2/widgets", `{"widget":{"name":"n","unknown":1}}`).Code)
	require.Equal(t, 400, r.do("POST", "/compute/v2/widgets", `{"widget":{"name":""}}`).Code)
	require.Equal(t, 401, r.do("GET", "/compute/v2/widgets/7", "", "X-Auth-Token", "").Code)
	require.JSONEq(t, `{"old":"https://cloud.example/compute/v2"}`, r.do("GET", "/compute/v2/", "", "X-Auth-Token", "").Body.String())
	require.Equal(t, 404, newRig(t, nil).do("GET", "/compute/v2/widgets/7", "").Code)
}
