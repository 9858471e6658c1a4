// Package httpapitest helps to test APIs built on httpapi: the walk of every
// row against every kind of caller, a client for handlers, golden JSON.
//
//	httpapitest.Walk(t, httpapitest.WalkConfig{API: api, Token: tokenOf, Prepare: fixture, Expect: map[string]string{
//		"GET /servers/{id}":                 "404 200 200 200", // other project, reader, member, admin
//		"POST /servers/{id}/action os-lock": "404 403 202 202",
//		"GET /extensions":                   "200",             // the same for all of them
//	}})
package httpapitest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/httpapi"
)

// Caller is a kind of caller.
type Caller string

// The kinds of callers, in the order of expectations.
const (
	None    Caller = "none"    // sends no token
	Invalid Caller = "invalid" // sends a token that was never issued
	Expired Caller = "expired" // sends a token whose time is over
	Other   Caller = "other"   // a member of a project that owns nothing of the fixture
	Reader  Caller = "reader"  // reader in the fixture's project
	Member  Caller = "member"  // member there
	Admin   Caller = "admin"   // admin there
)

var (
	strangers = []Caller{None, Invalid, Expired}
	callers   = []Caller{Other, Reader, Member, Admin}
)

// Call is what a row is called with.
type Call struct {
	Path   map[string]string // values of the pattern's wildcards
	Query  url.Values
	Body   any // written as JSON; a string or bytes as they are
	Header http.Header
}

// WalkConfig says what Walk walks.
type WalkConfig struct {
	API   *httpapi.API
	Token func(c Caller) string // of every kind but None
	// Prepare gives a call that succeeds for a caller who may do it. It is
	// asked anew for each call of a known caller, so that a row that deletes
	// finds something each time. Strangers share one.
	Prepare func(t testing.TB, r httpapi.Route, c Caller) Call
	// Expect has an entry for each row, by Route.Key: four statuses, for
	// other, reader, member and admin, or one for all. Strangers get 401, or
	// where a row is Public the one status. "2xx" is any status of that class.
	Expect map[string]string
}

// Walk calls every row as every kind of caller. A row without an expectation
// fails it, and so does an expectation without a row.
func Walk(t *testing.T, cfg WalkConfig) {
	t.Helper()
	for _, problem := range cfg.unmatched() {
		t.Error(problem)
	}
	for _, r := range cfg.API.Routes() {
		if want, err := expectation(cfg.Expect[r.Key()], r.Action == httpapi.Public); err == nil {
			t.Run(r.Key(), func(t *testing.T) {
				for _, problem := range cfg.walkRow(t, r, want) {
					t.Error(problem)
				}
			})
		}
	}
}

// unmatched lists what stands on one side only, and what cannot be read.
func (cfg WalkConfig) unmatched() (problems []string) {
	rows := map[string]bool{}
	for _, r := range cfg.API.Routes() {
		rows[r.Key()] = true
		if _, err := expectation(cfg.Expect[r.Key()], false); err != nil {
			problems = append(problems, fmt.Sprintf("%s: %v", r.Key(), err))
		}
	}
	for key := range cfg.Expect {
		if !rows[key] {
			problems = append(problems, key+": an expectation without a row")
		}
	}
	slices.Sort(problems)
	return problems
}

// expectation gives the status for each kind of caller.
func expectation(s string, public bool) (map[Caller]string, error) {
	words := strings.Fields(s)
	if len(words) == 1 {
		words = slices.Repeat(words, len(callers))
	}
	if len(words) != len(callers) {
		return nil, fmt.Errorf("a row needs one or %d expected statuses, not %q", len(callers), s)
	}
	want := map[Caller]string{}
	for i, c := range callers {
		want[c] = words[i]
	}
	for _, c := range strangers {
		want[c] = "401"
		if public {
			want[c] = words[0]
		}
	}
	return want, nil
}

func (cfg WalkConfig) walkRow(t testing.TB, r httpapi.Route, want map[Caller]string) (problems []string) {
	var call Call
	for i, c := range append(slices.Clone(strangers), callers...) {
		if i == 0 || i >= len(strangers) || r.Action == httpapi.Public {
			call = cfg.Prepare(t, r, c)
		}
		if got := cfg.send(t, r, c, call); !matches(want[c], got.Status) {
			problems = append(problems, fmt.Sprintf("as %s: %d, not %s: %s", c, got.Status, want[c], got.Body))
		}
	}
	return problems
}

func matches(want string, status int) bool {
	got := fmt.Sprint(status)
	return got == want || strings.HasSuffix(want, "xx") && got[:1] == want[:1]
}

func (cfg WalkConfig) send(t testing.TB, r httpapi.Route, c Caller, call Call) *Response {
	api := cfg.API.Config()
	client := Client{T: t, Handler: cfg.API, Header: call.Header.Clone()}
	if c != None {
		client.Token = cfg.Token(c)
	}
	if v := r.Until; api.Versions != nil {
		if v.IsZero() {
			v = api.Versions.Max
		}
		client = client.With("OpenStack-API-Version", api.Versions.Type+" "+v.String())
	}
	path := api.Prefix + api.Root + r.Pattern
	for name, value := range call.Path {
		path = strings.ReplaceAll(strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(value)), "{"+name+"...}", value)
	}
	require.NotContains(t, path, "{", "the fixture lacks a value of the path")
	if len(call.Query) > 0 {
		path += "?" + call.Query.Encode()
	}
	return client.Do(r.Method, path, call.Body)
}
