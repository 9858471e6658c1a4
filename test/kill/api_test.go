package kill

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

type object = map[string]any

// api calls a cloud as its administrator, whatever process it is at the moment.
type api struct {
	url   string
	token string
	http  http.Client
}

// dialer connects to where the cloud is. nil: it is on this machine.
type dialer = func(ctx context.Context, network, address string) (net.Conn, error)

// answer is what a call was answered; status 0 is none, since the process died.
type answer struct {
	status int
	body   object
}

func (a answer) acked() bool { return a.status >= 200 && a.status < 300 }

func (a *api) call(method, path string, body any) answer {
	if a.token == "" {
		a.login()
	}
	return a.send(method, path, body)
}

func (a *api) send(method, path string, body any) (out answer) {
	raw, isRaw := body.([]byte)
	if !isRaw && body != nil {
		raw, _ = json.Marshal(body)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, a.url+path, bytes.NewReader(raw))
	if err != nil {
		return out
	}
	kind := "application/json"
	if isRaw {
		kind = "application/octet-stream"
	}
	r.Header.Set("Content-Type", kind)
	r.Header.Set("X-Auth-Token", a.token)
	r.Header.Set("OpenStack-API-Version", "compute 2.90")
	got, err := a.http.Do(r)
	if err != nil {
		return out
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		return out // cut off amid the answer
	}
	out.status = got.StatusCode
	if a.token == "" {
		a.token = got.Header.Get("X-Subject-Token")
	}
	_ = json.Unmarshal(text, &out.body) // not all answers have a body
	return out
}

func (a *api) login() {
	for range 100 { // passwords are hashed beside
		if a.send("POST", "/identity/v3/auth/tokens", object{"auth": object{
			"identity": object{"methods": []string{"password"}, "password": object{"user": object{"name": "admin", "domain": object{"id": "default"}, "password": password}}},
			"scope":    object{"project": object{"name": "admin", "domain": object{"id": "default"}}}}}).acked() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// made gives the id of what was created.
func (a answer) made() string {
	if id, is := a.body["id"].(string); is {
		return id
	}
	for _, inner := range a.body {
		if o, is := inner.(object); is {
			return fmt.Sprint(o["id"])
		}
	}
	return ""
}
