package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// rest is an account at one or several controllers, which it asks in turn.
type rest struct {
	urls    []string
	token   string
	project string
	asked   int
}

var accountLines = regexp.MustCompile(`username: "(\w+)"\s+password: "(\w+)"\s+project_name: "(\w+)"`)

// logIn gives the account of that name in a clouds.yaml.
func logIn(t testing.TB, clouds, user string, urls ...string) *rest {
	t.Helper()
	text, err := os.ReadFile(clouds)
	require.NoError(t, err)
	r := &rest{urls: urls}
	for _, a := range accountLines.FindAllStringSubmatch(string(text), -1) {
		if a[1] != user {
			continue
		}
		domain := map[string]any{"id": "default"}
		status, header, body := r.call(t, "POST", "/identity/v3/auth/tokens", map[string]any{"auth": map[string]any{
			"identity": map[string]any{"methods": []string{"password"}, "password": map[string]any{"user": map[string]any{"name": a[1], "password": a[2], "domain": domain}}},
			"scope":    map[string]any{"project": map[string]any{"name": a[3], "domain": domain}}}})
		require.Equal(t, 201, status, "%v", body)
		r.token = header.Get("X-Subject-Token")
		r.project = body["token"].(map[string]any)["project"].(map[string]any)["id"].(string)
	}
	require.NotEmpty(t, r.token)
	return r
}

// call asks the next controller; a status of 0 says that it did not answer.
func (r *rest) call(t testing.TB, method, path string, body any) (status int, header http.Header, answer map[string]any) {
	t.Helper()
	var payload io.Reader = http.NoBody
	kind := "application/json"
	switch b := body.(type) {
	case nil:
	case []byte:
		payload, kind = bytes.NewReader(b), "application/octet-stream"
	default:
		text, err := json.Marshal(b)
		require.NoError(t, err)
		payload = bytes.NewReader(text)
	}
	url := r.urls[r.asked%len(r.urls)]
	r.asked++
	req, err := http.NewRequestWithContext(t.Context(), method, url+path, payload)
	require.NoError(t, err)
	req.Header.Set("Content-Type", kind)
	req.Header.Set("X-Auth-Token", r.token)
	res, err := (&http.Client{Timeout: 30 * time.Second}).Do(req)
	if err != nil {
		return 0, nil, nil
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, nil, nil
	}
	_ = json.Unmarshal(text, &answer) // not every answer has a body
	return res.StatusCode, res.Header, answer
}

// must is call for what has to succeed.
func (r *rest) must(t testing.TB, method, path string, body any) map[string]any {
	t.Helper()
	status, _, answer := r.call(t, method, path, body)
	require.True(t, status >= 200 && status < 300, "%s %s: %d %v", method, path, status, answer)
	return answer
}

// statuses gives the servers' states by their names.
func (r *rest) statuses(t testing.TB) map[string]string {
	t.Helper()
	status, _, answer := r.call(t, "GET", "/compute/v2.1/servers/detail", nil)
	if status != 200 {
		return nil
	}
	all := map[string]string{}
	for _, s := range answer["servers"].([]any) {
		server := s.(map[string]any)
		all[server["name"].(string)] = server["status"].(string)
	}
	return all
}

// active waits until all servers of these names are active.
func (r *rest) active(t testing.TB, within time.Duration, names ...string) {
	t.Helper()
	var last map[string]string
	require.Eventually(t, func() bool {
		last = r.statuses(t)
		for _, name := range names {
			if last[name] != "ACTIVE" {
				return false
			}
		}
		return last != nil
	}, within, 100*time.Millisecond, "the servers %s: %v", strings.Join(names, ", "), &last)
}

// revoke ends the account's own token.
func (r *rest) revoke(t testing.TB) (status int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "DELETE", r.urls[0]+"/identity/v3/auth/tokens", http.NoBody)
	require.NoError(t, err)
	req.Header.Set("X-Auth-Token", r.token)
	req.Header.Set("X-Subject-Token", r.token)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res.StatusCode
}
