package powercut

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// client speaks to the machine's cumulited as its administrator.
type client struct {
	url, token string
	http       http.Client
}

func login(t testing.TB, m *machine) *client {
	t.Helper()
	c := &client{url: m.url(), http: http.Client{Timeout: 30 * time.Second}}
	body := fmt.Sprintf(`{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":"admin","domain":{"id":"default"},"password":%q}}},
		"scope":{"project":{"name":"admin","domain":{"id":"default"}}}}}`, password)
	answer, err := c.http.Post(c.url+"/identity/v3/auth/tokens", "application/json", bytes.NewReader([]byte(body)))
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, http.StatusCreated, answer.StatusCode)
	c.token = answer.Header.Get("X-Subject-Token")
	return c
}

// do sends a request; the whole answer is read, or there is an error.
func (c *client) do(ctx context.Context, method, path string, body any) (status int, answer []byte, err error) {
	kind, data := "application/octet-stream", []byte(nil)
	switch body := body.(type) {
	case []byte:
		data = body
	case string:
		kind, data = "application/json", []byte(body)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(data))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("X-Auth-Token", c.token)
	r.Header.Set("X-Subject-Token", c.token)
	r.Header.Set("Content-Type", kind)
	r.Header.Set("X-OpenStack-Nova-API-Version", "2.79")
	a, err := c.http.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer a.Body.Close()
	answer, err = io.ReadAll(a.Body)
	return a.StatusCode, answer, err
}

// get reads what must be there.
func (c *client) get(t testing.TB, path string) (doc map[string]any) {
	t.Helper()
	status, answer, err := c.do(t.Context(), "GET", path, nil)
	require.NoError(t, err)
	require.Equal(t, 200, status, "%s: %s", path, answer)
	require.NoError(t, json.Unmarshal(answer, &doc))
	return doc
}

// thing is what was acknowledged of one object.
type thing struct {
	path string
	gone bool   // its end was acknowledged, not its making
	sum  string // of its bytes, of images
}

// kind is one kind of thing: how it is made, and how many a writer keeps.
type kind struct {
	keep int
	make func(ctx context.Context, c *client, name string) (thing, error)
}

// posted makes a thing by one request. Its path is the collection's and what
// stands at [outer][key] of the answer.
func posted(keep int, collection, outer, key, body string) kind {
	return kind{keep, func(ctx context.Context, c *client, name string) (thing, error) {
		status, answer, err := c.do(ctx, "POST", collection, fmt.Sprintf(body, name))
		if err != nil || status >= 300 {
			return thing{}, fmt.Errorf("%s %d %s: %w", collection, status, answer, err)
		}
		var doc map[string]any
		if err := json.Unmarshal(answer, &doc); err != nil {
			return thing{}, err
		}
		if inner, is := doc[outer].(map[string]any); is {
			doc = inner
		}
		return thing{path: fmt.Sprint(collection, "/", doc[key])}, nil
	}}
}

func image(keep, size int) kind {
	register := posted(0, "/image/v2/images", "", "id", `{"name":%q,"disk_format":"raw","container_format":"bare"}`)
	return kind{keep, func(ctx context.Context, c *client, name string) (thing, error) {
		made, err := register.make(ctx, c, name)
		if err != nil {
			return made, err
		}
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(rand.Uint32())
		}
		status, answer, err := c.do(ctx, "PUT", made.path+"/file", data)
		if err != nil || status >= 300 {
			return thing{}, fmt.Errorf("upload %d %s: %w", status, answer, err)
		}
		made.sum = fmt.Sprintf("%x", sha256.Sum256(data))
		return made, nil
	}}
}

// write makes things of a kind, and removes the oldest of those that are too
// many, until a request fails or ctx ends. It gives what was acknowledged:
// nothing of the request that failed, which may have been done or not.
func write(ctx context.Context, c *client, k kind, name string) (all []thing, failed error) {
	oldest := 0
	for n := 0; ctx.Err() == nil; n++ {
		made, err := k.make(ctx, c, fmt.Sprintf("%s-%d", name, n))
		if err != nil {
			return all, err
		}
		all = append(all, made)
		if len(all)-oldest <= k.keep {
			continue
		}
		status, answer, err := c.do(ctx, "DELETE", all[oldest].path, nil)
		if err != nil || status >= 300 {
			all = append(all[:oldest], all[oldest+1:]...) // nobody knows
			return all, fmt.Errorf("delete %d %s: %w", status, answer, err)
		}
		all[oldest].gone = true
		oldest++
	}
	return all, nil
}

// missing says what is not as it was acknowledged.
func (c *client) missing(t testing.TB, all []thing) (wrong []string) {
	t.Helper()
	for _, x := range all {
		status, _, err := c.do(t.Context(), "GET", x.path, nil)
		require.NoError(t, err)
		if want := map[bool]int{true: 404, false: 200}[x.gone]; status != want {
			wrong = append(wrong, fmt.Sprintf("%s is %d instead of %d", x.path, status, want))
			continue
		}
		if x.sum == "" || x.gone {
			continue
		}
		_, data, err := c.do(t.Context(), "GET", x.path+"/file", nil)
		require.NoError(t, err)
		if sum := fmt.Sprintf("%x", sha256.Sum256(data)); sum != x.sum {
			wrong = append(wrong, x.path+" has other bytes")
		}
	}
	return wrong
}
