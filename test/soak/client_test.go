package soak

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/platform/secret"
)

type object = map[string]any

// tenants are the projects of a cloud, with a member each of the same name.
var tenants = []string{"blue", "red", "green"}

var password = secret.New("a password of tests")

func accounts() (all []identity.BootstrapUser) {
	for _, name := range tenants {
		all = append(all, identity.BootstrapUser{Name: name, Project: name, Role: "member", Password: password})
	}
	return all
}

// client is somebody who calls the API, one call after the other, and
// remembers what he was told. What others do to what is his surprises him:
// so nobody does.
type client struct {
	*run
	name    string
	rng     *rand.Rand
	handler http.Handler
	token   string
	project string
	made    int // names given
	things  []*thing
	cut     map[string]bool // names of things whose creation was cut off
	actions []action
}

// answer is what a call was answered.
type answer struct {
	status int
	body   object
	id     string // of the request
}

// acked says that what was asked for is promised; refused that nothing was
// done. Otherwise either may be.
func (a answer) acked() bool   { return a.status < 300 }
func (a answer) refused() bool { return a.status >= 400 && a.status < 500 }

// call sends a request, with a new token when the old one has ended.
func (c *client) call(method, path string, body any) answer {
	a := c.send(method, path, body)
	if a.status == http.StatusUnauthorized && c.login() {
		a = c.send(method, path, body)
	}
	c.tell("%s: %s %s %s → %d %s", c.name, method, path, brief(body), a.status, c.words(a))
	c.tally(method, path, a)
	return a
}

// words says what was wrong, or what was made.
func (c *client) words(a answer) string {
	if a.status >= 400 {
		return brief(a.body)
	}
	for _, inner := range a.body {
		if o, is := inner.(object); is {
			return fmt.Sprint(o["id"])
		}
	}
	return ""
}

func brief(v any) string {
	if b, raw := v.([]byte); raw {
		return fmt.Sprintf("%d bytes", len(b))
	}
	b, _ := json.Marshal(v)
	return string(b[:min(len(b), 300)])
}

func (c *client) send(method, path string, body any) answer {
	raw, isRaw := body.([]byte)
	if !isRaw && body != nil {
		raw, _ = json.Marshal(body)
	}
	r := httptest.NewRequestWithContext(c.ctx, method, path, bytes.NewReader(raw))
	switch {
	case isRaw:
		r.Header.Set("Content-Type", "application/octet-stream")
	case method == "PATCH":
		r.Header.Set("Content-Type", "application/openstack-images-v2.1-json-patch")
	case body != nil:
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("X-Auth-Token", c.token)
	r.Header.Set("OpenStack-API-Version", "compute 2.90")
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, r)
	a := answer{status: w.Code, body: object{}, id: w.Header().Get("X-Openstack-Request-Id")}
	_ = json.Unmarshal(w.Body.Bytes(), &a.body) // what is not JSON has no body
	return a
}

// login gets a token, and tells whether it did.
func (c *client) login() bool {
	project := c.name
	r := httptest.NewRequestWithContext(c.ctx, "POST", "/identity/v3/auth/tokens", strings.NewReader(fmt.Sprintf(
		`{"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": %q, "domain": {"id": "default"}, "password": %q}}},
		"scope": {"project": {"name": %q, "domain": {"id": "default"}}}}}`, c.name, password.Reveal(), project)))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, r)
	if w.Code != http.StatusCreated {
		c.tell("%s: cannot log in: %d %s", c.name, w.Code, w.Body)
		return false
	}
	var out struct {
		Token struct{ Project struct{ ID string } }
	}
	_ = json.Unmarshal(w.Body.Bytes(), &out) // a wrong answer gives a project that nothing is found in
	c.token, c.project = w.Header().Get("X-Subject-Token"), out.Token.Project.ID
	return true
}

// chance is true in so many of a hundred cases.
func (c *client) chance(percent int) bool { return c.rng.IntN(100) < percent }

// pick gives one of a list, and the zero value of an empty one.
func pick[T any](rng *rand.Rand, all []T) (one T) {
	if len(all) > 0 {
		one = all[rng.IntN(len(all))]
	}
	return one
}
