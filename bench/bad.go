package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A misdeed is a request that nobody should make.
type misdeed struct {
	method, path, body string
	header             map[string]string
	forged             bool // with a token that is none
	bare               bool // without a token
}

var misdeeds = []misdeed{
	{method: "GET", path: "/compute/v2.1/servers", bare: true},
	{method: "GET", path: "/compute/v2.1/servers", forged: true},
	{method: "GET", path: "/compute/v2.1/servers/00000000-0000-4000-8000-000000000000"},
	{method: "GET", path: "/compute/v2.1/servers/detail?limit=-1"},
	{method: "GET", path: "/compute/v2.1/servers?marker=nobody"},
	{method: "GET", path: "/nowhere/at/all"},
	{method: "BREW", path: "/compute/v2.1/servers"},
	{method: "GET", path: "/compute/v2.1/servers", header: map[string]string{"OpenStack-API-Version": "compute 9.999"}},
	{method: "POST", path: "/compute/v2.1/servers", body: `{"server": {`},
	{method: "POST", path: "/compute/v2.1/servers", body: `{"server": {"name": 7, "surprise": true}}`},
	{method: "POST", path: "/compute/v2.1/servers", body: strings.Repeat("[", 500)},
	{method: "POST", path: "/compute/v2.1/servers", body: `{"server": "` + strings.Repeat("x", 120_000) + `"}`},
	{method: "POST", path: "/identity/v3/auth/tokens", body: `{"auth": {"identity": {"methods": ["token"], "token": {"id": "forged"}}}}`, bare: true},
	{method: "PUT", path: "/networking/v2.0/networks/nobody", body: `{"network": {}}`},
	{method: "POST", path: "/networking/v2.0/ports", body: `{"port": {"network_id": "\u0000"}}`},
	{method: "GET", path: "/image/v2/images?sort_key=surprise"},
}

// bad makes very many bad requests, and compares what the cloud holds of the
// machine after the first of them and after the last.
func (b *bench) bad(ctx context.Context) error {
	operator, err := freePort(ctx)
	if err != nil {
		return err
	}
	d, err := b.launch(ctx, "--ephemeral", "--operator", operator)
	if err != nil {
		return err
	}
	provider, _, err := d.login(ctx, "cumulite-admin")
	if err != nil {
		return d.stop(err)
	}
	hurl := func(n int) error { return d.hurl(ctx, provider.Token(), n) }
	if err := hurl(b.misdeeds / 10); err != nil {
		return d.stop(err)
	}
	before, err := holdings(ctx, operator)
	if err != nil {
		return d.stop(err)
	}
	began := time.Now()
	if err := hurl(b.misdeeds * 9 / 10); err != nil {
		return d.stop(err)
	}
	took := time.Since(began)
	after, err := holdings(ctx, operator)
	report(fmt.Sprintf("%d bad requests: answered", b.misdeeds), "%.0f/s", float64(b.misdeeds*9/10)/took.Seconds())
	report("… resident after the first tenth, and all", "%.1f, %.1f MB", before.resident/1e6, after.resident/1e6)
	report("… goroutines", "%.0f, %.0f", before.goroutines, after.goroutines)
	report("… descriptors", "%.0f, %.0f", before.files, after.files)
	return d.stop(err)
}

// hurl makes n bad requests from several clients. Each hundredth client goes
// away in the middle of what it says.
func (d *cumulited) hurl(ctx context.Context, token string, n int) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	defer client.CloseIdleConnections()
	var next, accepted atomic.Int64
	var failed atomic.Value
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				good, err := d.misbehave(ctx, client, token, int(i))
				if err != nil {
					failed.Store(err)
					return
				}
				if good {
					accepted.Add(1)
				}
			}
		})
	}
	all.Wait()
	if err, is := failed.Load().(error); is {
		return err
	}
	if accepted.Load() > 0 {
		return fmt.Errorf("%d bad requests were taken for good ones", accepted.Load())
	}
	return nil
}

func (d *cumulited) misbehave(ctx context.Context, client *http.Client, token string, i int) (good bool, err error) {
	if i%100 == 0 {
		return false, d.leave(ctx)
	}
	m := misdeeds[i%len(misdeeds)]
	r, err := http.NewRequestWithContext(ctx, m.method, d.url+m.path, strings.NewReader(m.body))
	if err != nil {
		return false, err
	}
	r.Header.Set("Content-Type", "application/json")
	switch {
	case m.forged:
		r.Header.Set("X-Auth-Token", "gAAAAA"+strconv.Itoa(i))
	case !m.bare:
		r.Header.Set("X-Auth-Token", token)
	}
	for name, value := range m.header {
		r.Header.Set(name, value)
	}
	answer, err := client.Do(r)
	if err != nil { // it may end the connection of who says too much
		return false, nil //nolint:nilerr // the cloud is asked how it is at the end
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	return answer.StatusCode < 400, nil
}

// leave says half of a request and goes away.
func (d *cumulited) leave(ctx context.Context) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", strings.TrimPrefix(d.url, "http://"))
	if err != nil {
		return err
	}
	_, _ = io.WriteString(conn, "POST /compute/v2.1/servers HTTP/1.1\r\nHost: cloud\r\nContent-Length: 1000\r\n\r\n{")
	return conn.Close()
}

// holding is what a process holds of its machine.
type holding struct{ resident, goroutines, files float64 }

// holdings asks a cloud's operator address, once connections have been let go.
func holdings(ctx context.Context, operator string) (h holding, err error) {
	select {
	case <-ctx.Done():
		return h, ctx.Err()
	case <-time.After(2 * time.Second):
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+operator+"/metrics", nil)
	if err != nil {
		return h, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return h, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	for name, at := range map[string]*float64{"process_resident_memory_bytes": &h.resident, "go_goroutines": &h.goroutines, "process_open_fds": &h.files} {
		found := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindSubmatch(text)
		if err != nil || found == nil {
			return h, fmt.Errorf("no %s in /metrics: %w", name, err)
		}
		if *at, err = strconv.ParseFloat(string(found[1]), 64); err != nil {
			return h, err
		}
	}
	return h, nil
}
