package cloud_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/doctor"
	"github.com/cumulite/cumulite/platform/store"
)

// tenant is what blue has in the tests of the doctor: something of everything.
type tenant struct {
	flavor, image, network, subnet, external, router, group, floating string
	servers                                                           []string
}

const nv2 = "/networking/v2.0"

// furnish gives blue something of everything.
func (w *world) furnish() (t tenant) {
	w.t.Helper()
	t.flavor, t.image = w.flavor(), w.admin.image("public")
	w.unlimited()
	t.network, t.subnet = w.blue.network("net", "10.0.0.0/16")
	t.external = id(w.admin.make(nv2+"/networks", "network", object{"name": "ext", "router:external": true}))
	w.admin.make(nv2+"/subnets", "subnet", object{"network_id": t.external, "ip_version": 4, "cidr": "203.0.113.0/24", "enable_dhcp": false})
	t.router = id(w.blue.make(nv2+"/routers", "router", object{"name": "r", "external_gateway_info": object{"network_id": t.external}}))
	w.blue.call("PUT", nv2+"/routers/"+t.router+"/add_router_interface", object{"subnet_id": t.subnet}, 200)
	t.group = id(w.blue.make(nv2+"/security-groups", "security_group", object{"name": "g"}))
	w.blue.make(nv2+"/security-group-rules", "security_group_rule", object{"security_group_id": t.group, "direction": "ingress", "remote_group_id": t.group})
	w.blue.call("PUT", nv2+"/networks/"+t.network+"/tags/red", nil, 201)
	crew := id(w.blue.at("2.64").make("/compute/v2.1/os-server-groups", "server_group", object{"name": "crew", "policy": "soft-affinity"}))
	for i := range 3 {
		request := server(fmt.Sprintf("s%d", i), t.flavor, t.image, t.network, object{"user_data": "aGVsbG8=", "security_groups": []object{{"name": "g"}}, "tags": []string{"a"}})
		request["os:scheduler_hints"] = object{"group": crew}
		t.servers = append(t.servers, id(w.blue.at("2.64").call("POST", "/compute/v2.1/servers", request, 202)["server"].(object)))
	}
	w.settled()
	ports := w.blue.call("GET", nv2+"/ports?device_id="+t.servers[0], nil, 200)["ports"].([]any)
	t.floating = id(w.blue.make(nv2+"/floatingips", "floatingip", object{"floating_network_id": t.external, "port_id": ports[0].(object)["id"]}))
	w.settled()
	return t
}

// examine gives what the doctor finds.
func (w *world) examine(repair bool) (report doctor.Report, found []string) {
	w.t.Helper()
	report, err := w.Doctor(context.Background(), repair)
	require.NoError(w.t, err)
	require.NotEmpty(w.t, report.Results)
	for _, r := range report.Results {
		require.Empty(w.t, r.Error, r.Name)
		for _, f := range r.Findings {
			found = append(found, fmt.Sprintf("%s: %s: %s (mended %t, failed %q)", r.Name, f.Object, f.Says, f.Mended, f.Failed))
		}
	}
	return report, found
}

// exec changes rows behind the cloud's back.
func (w *world) exec(statement string, args ...any) {
	w.t.Helper()
	require.NoError(w.t, w.DB().Write(context.Background(), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, statement, args...)
		return err
	}))
}

func TestDoctorFindsNothingInAHealthyCloud(t *testing.T) {
	w := newWorld(t)
	had := w.furnish()
	report, found := w.examine(false)
	require.Empty(t, found)
	require.True(t, report.Held())
	for _, r := range report.Results {
		require.True(t, r.Held(), r.Name)
		require.NotEmpty(t, r.Promise)
	}
	w.blue.call("DELETE", nv2+"/floatingips/"+had.floating, nil, 204)
	for _, s := range had.servers {
		w.blue.call("DELETE", "/compute/v2.1/servers/"+s, nil, 204)
	}
	w.settled()
	w.blue.call("PUT", nv2+"/routers/"+had.router+"/remove_router_interface", object{"subnet_id": had.subnet}, 200)
	w.blue.call("DELETE", nv2+"/routers/"+had.router, nil, 204)
	w.blue.call("DELETE", nv2+"/networks/"+had.network, nil, 204)
	w.settled()
	_, found = w.examine(false)
	require.Empty(t, found, "when all of it is gone, too")
}

// A change that is under way is no finding.
func TestDoctorRaisesNoFalseAlarmBesideACloudAtWork(t *testing.T) {
	w := newWorld(t)
	had := w.furnish()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	stop := make(chan struct{})
	var users sync.WaitGroup
	var done atomic.Int64
	for i := range 6 {
		users.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(i)))
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				w.live(r, had, n)
				done.Add(1)
			}
		})
	}
	halt := sync.OnceFunc(func() {
		close(stop)
		users.Wait()
	})
	defer halt()
	checks := 0
	for began := time.Now(); checks < 300 && time.Since(began) < 6*time.Second; checks++ {
		_, found := w.examine(false)
		require.Empty(t, found, "seed %d, check %d", seed, checks)
	}
	halt()
	t.Logf("%d checks beside %d lives", checks, done.Load())
	w.settled()
	_, found := w.examine(false)
	require.Empty(t, found)
}

// live makes something, uses it, and takes most of it away again.
func (w *world) live(r *rand.Rand, had tenant, n int) {
	const servers = "/compute/v2.1/servers"
	switch r.IntN(4) {
	case 0, 1:
		s := id(w.blue.make(servers, "server", server(fmt.Sprint(n), had.flavor, had.image, had.network, nil)["server"].(object)))
		if r.IntN(2) == 0 {
			time.Sleep(time.Duration(r.IntN(20)) * time.Millisecond)
		}
		if r.IntN(2) == 0 {
			w.blue.Do("POST", servers+"/"+s+"/action", object{"os-stop": nil})
			w.blue.Do("POST", servers+"/"+s+"/os-interface", object{"interfaceAttachment": object{"net_id": had.network}})
		}
		w.blue.Do("DELETE", servers+"/"+s, nil)
	case 2:
		p := id(w.blue.make(nv2+"/ports", "port", object{"network_id": had.network}))
		f := w.blue.Do("POST", nv2+"/floatingips", object{"floatingip": object{"floating_network_id": had.external, "port_id": p}})
		w.blue.Do("DELETE", nv2+"/ports/"+p, nil)
		if f.Status == 201 {
			var out struct{ Floatingip struct{ ID string } }
			f.JSON(&out)
			w.blue.Do("DELETE", nv2+"/floatingips/"+out.Floatingip.ID, nil)
		}
	case 3:
		g := id(w.blue.make(nv2+"/security-groups", "security_group", object{"name": "x"}))
		rule := id(w.blue.make(nv2+"/security-group-rules", "security_group_rule", object{"security_group_id": had.group, "direction": "ingress", "remote_group_id": g}))
		w.blue.Do("DELETE", nv2+"/security-group-rules/"+rule, nil)
		w.blue.Do("DELETE", nv2+"/security-groups/"+g, nil)
	}
}
