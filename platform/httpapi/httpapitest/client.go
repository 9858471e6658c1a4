package httpapitest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// Client calls a handler.
type Client struct {
	T       testing.TB
	Handler http.Handler
	Token   string // X-Auth-Token, "" sends none
	Header  http.Header
}

// Response is what a handler answered.
type Response struct {
	Status int
	Header http.Header
	Body   []byte

	t testing.TB
}

// With gives a client that also sends a header.
func (c Client) With(name, value string) Client {
	h := c.Header.Clone()
	if h == nil {
		h = http.Header{}
	}
	h.Set(name, value)
	c.Header = h
	return c
}

// Do sends a request. The body is written as JSON, a string or bytes as they are.
func (c Client) Do(method, path string, body any) *Response {
	c.T.Helper()
	r := httptest.NewRequestWithContext(context.Background(), method, path, bytes.NewReader(encode(c.T, body)))
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, values := range c.Header {
		r.Header[name] = values
	}
	if c.Token != "" {
		r.Header.Set("X-Auth-Token", c.Token)
	}
	w := httptest.NewRecorder()
	c.Handler.ServeHTTP(w, r)
	return &Response{w.Code, w.Header(), w.Body.Bytes(), c.T}
}

// Get is Do of a GET.
func (c Client) Get(path string) *Response { c.T.Helper(); return c.Do("GET", path, nil) }

func encode(t testing.TB, body any) []byte {
	switch b := body.(type) {
	case nil:
		return nil
	case string:
		return []byte(b)
	case []byte:
		return b
	}
	b, err := json.Marshal(body)
	require.NoError(t, err)
	return b
}

// Want fails the test unless the status is the one given.
func (r *Response) Want(status int) *Response {
	r.t.Helper()
	require.Equal(r.t, status, r.Status, "%s", r.Body)
	return r
}

// JSON decodes the body into out.
func (r *Response) JSON(out any) *Response {
	r.t.Helper()
	require.NoError(r.t, json.Unmarshal(r.Body, out), "%s", r.Body)
	return r
}

// Golden compares JSON with the file at path, where the string "<any>" stands
// for any value. With UPDATE_GOLDEN=1 in the environment it writes the file.
func Golden(t testing.TB, path string, got []byte) {
	t.Helper()
	var have any
	require.NoError(t, json.Unmarshal(got, &have), "%s", got)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		pretty, err := json.MarshalIndent(have, "", "  ")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, append(pretty, '\n'), 0o644))
	}
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	var want any
	require.NoError(t, json.Unmarshal(file, &want), path)
	if diff := differ("", want, have); diff != "" {
		t.Errorf("%s: %s", path, diff)
	}
}

// differ gives the first difference, "" when there is none.
func differ(at string, want, have any) string {
	if want == "<any>" {
		return ""
	}
	switch w := want.(type) {
	case map[string]any:
		h, ok := have.(map[string]any)
		if !ok {
			return fmt.Sprintf("%s is %v, not an object", at, have)
		}
		for k := range h {
			if _, ok := w[k]; !ok {
				return fmt.Sprintf("%s.%s should not be there", at, k)
			}
		}
		for k := range w {
			if _, ok := h[k]; !ok {
				return fmt.Sprintf("%s.%s is missing", at, k)
			}
			if diff := differ(at+"."+k, w[k], h[k]); diff != "" {
				return diff
			}
		}
		return ""
	case []any:
		h, ok := have.([]any)
		if !ok || len(h) != len(w) {
			return fmt.Sprintf("%s is %v, not a list of %d", at, have, len(w))
		}
		for i := range w {
			if diff := differ(fmt.Sprintf("%s[%d]", at, i), w[i], h[i]); diff != "" {
				return diff
			}
		}
		return ""
	}
	if want != have {
		return fmt.Sprintf("%s is %v, not %v", at, have, want)
	}
	return ""
}
