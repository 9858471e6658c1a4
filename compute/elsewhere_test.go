package compute_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/drivers/sim/fault"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/flow"
	"github.com/cumulite/cumulite/platform/store"
)

// bad sets a fault on all hosts but the last, and gives the name of that.
func (w *world) bad(f fault.Func) (good string) {
	good = "hv1"
	for name := range w.hosts {
		good = max(good, name)
	}
	for name, h := range w.hosts {
		if name != good {
			h.SetFault(f)
		}
	}
	return good
}

// refuse fails every call of a method.
func refuse(method string, err error) fault.Func { return fault.FailAt(method, "begin", -1, err) }

// only tells that guests, claims and ports are on one host.
func (w *world) only(t testing.TB, host string, servers int) {
	t.Helper()
	for name, state := range w.states {
		want := 0
		if name == host {
			want = servers
		}
		h := w.host(t, name)
		require.Equal(t, want, h.Servers, "claims on %s", name)
		require.Len(t, state.Leftovers(), want, "guests on %s", name)
		for _, p := range w.ports(t) {
			_, there := w.nics[name].Port(p.ID)
			require.Equal(t, want > 0, there, "port on %s", name)
		}
	}
}

func TestABuildThatItsHostRefusesIsMadeOnAnother(t *testing.T) {
	w := newWorld(t, "hv1", "hv2", "hv3").run(t)
	good := w.bad(refuse("create", errs.New(errs.NotSupported, "This host cannot do it.")))
	var port []string
	made, err := w.CreateServer(request(t, "req-1"), w.request(t))
	require.NoError(t, err)
	w.idle(t)
	s := w.get(t, made[0].ID)
	require.Equal(t, "ACTIVE", s.Status())
	require.Equal(t, good, s.Host)
	require.Nil(t, s.Fault)
	require.Len(t, s.Interfaces, 1)
	w.idle(t)
	w.only(t, good, 1)
	_, events, err := w.GetAction(member(t), s.ID, "req-1", false)
	require.NoError(t, err)
	for _, e := range events {
		if e.Name == "compute_spawn" && e.Failed {
			port = append(port, e.Host)
			require.Equal(t, "This host cannot do it.", *e.Details)
		}
	}
	require.NotContains(t, port, good)
	require.NotEmpty(t, events)
	require.NoError(t, w.DeleteServer(member(t), s.ID))
	w.idle(t)
	w.gone(t)
}

func TestABuildIsGivenUpWhenEveryHostRefusesIt(t *testing.T) {
	w := newWorld(t, "hv1", "hv2", "hv3", "hv4").run(t)
	w.hosts[w.bad(refuse("create", errs.New(errs.NotSupported, "No.")))].SetFault(refuse("create", errs.New(errs.NotSupported, "No.")))
	s := w.server(t)
	require.Equal(t, "ERROR", s.Status())
	require.Equal(t, "Exceeded maximum number of retries. Exhausted all hosts available for retrying build failures for instance "+s.ID+
		". Attempt 1: No. Attempt 2: No. Attempt 3: No.", s.Fault.Message)
	require.Regexp(t, `hv\d: No.*; hv\d: No.*; hv\d: No`, s.Fault.Details)
	require.Empty(t, s.Host)
	require.Empty(t, s.Interfaces)
	w.gone(t)
	require.NoError(t, w.DeleteServer(member(t), s.ID))
	w.idle(t)
	w.gone(t)
	require.Zero(t, w.used(t, "instances"))
}

func TestABuildSaysThatNoOtherHostIsLeft(t *testing.T) {
	w := newWorld(t).run(t)
	w.hosts["hv1"].SetFault(refuse("create", errs.New(errs.NotSupported, "No.")))
	s := w.server(t)
	require.Equal(t, "No.", s.Fault.Message)
	require.Contains(t, s.Fault.Details, "hv1: No.; ", "what happened there")
	require.Contains(t, s.Fault.Details, "No valid host was found.")
	w.gone(t)
}

func TestABuildWaitsForTheOnlyHost(t *testing.T) {
	w := newWorld(t).run(t)
	w.hosts["hv1"].SetFault(refuse("create", errs.New(errs.Unavailable, "Away.")))
	made, err := w.CreateServer(member(t), w.request(t))
	require.NoError(t, err)
	w.pass(t, 5*time.Minute)
	require.Equal(t, "BUILD", w.get(t, made[0].ID).Status())
	w.hosts["hv1"].SetFault(nil)
	w.pass(t, 2*time.Minute)
	require.Equal(t, "ACTIVE", w.get(t, made[0].ID).Status())
}

func TestWhatIsWrongEverywhereIsTriedOnce(t *testing.T) {
	w := newWorld(t, "hv1", "hv2").run(t)
	for _, h := range w.hosts {
		h.SetFault(refuse("create", errs.Invalidf("The disk is too small.")))
	}
	s := w.server(t)
	require.Equal(t, "The disk is too small.", s.Fault.Message)
	w.gone(t)
}

func TestABuildLeavesAHostWhoseCallsKeepFailing(t *testing.T) {
	w := newWorld(t, "hv1", "hv2").run(t)
	good := w.bad(refuse("start", errs.New(errs.Unavailable, "The machine does not start.")))
	made, err := w.CreateServer(request(t, "req-1"), w.request(t))
	require.NoError(t, err)
	id := made[0].ID
	w.pass(t, 20*time.Second)
	if w.get(t, id).Host != good { // the bad one was chosen first
		_, events, err := w.GetAction(member(t), id, "req-1", false)
		require.NoError(t, err)
		e := events[len(events)-1]
		require.True(t, e.UnderWay)
		require.Regexp(t, `^The machine does not start; attempt \d, next in \d+ s$`, *e.Details)
	}
	w.pass(t, 3*time.Minute)
	require.Equal(t, good, w.get(t, id).Host)
	w.only(t, good, 1)
}

func TestALostHostIsLeftUnlessItMayRunTheGuest(t *testing.T) {
	for _, c := range []struct{ method, step, status string }{{"create", "disks", "ACTIVE"}, {"create", "define", "ACTIVE"}, {"start", "define", "ERROR"}} {
		t.Run(c.method+" "+c.step, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := worldAt(t, clock.System(), "hv1", "hv2").run(t).watched(t)
				first := make(chan string, 1)
				for name, h := range w.hosts {
					gone := make(chan struct{})
					h.SetFault(func(ctx context.Context, at fault.Step) error {
						if at.Method == c.method && at.Name == c.step {
							select {
							case first <- name:
								close(gone)
							default:
							}
						}
						select {
						case <-gone: // nothing gets through any more
							<-ctx.Done()
							return ctx.Err()
						default:
							return nil
						}
					})
				}
				made, err := w.CreateServer(member(t), w.request(t))
				require.NoError(t, err)
				time.Sleep(5 * time.Minute)
				lost := <-first
				first <- lost
				s := w.get(t, made[0].ID)
				require.Equal(t, c.status, s.Status(), "%+v", s.Fault)
				require.NotEqual(t, lost, s.Host)
				require.Len(t, w.states[lost].Leftovers(), 1, "nobody could remove it")
				w.hosts[lost].SetFault(nil)
				time.Sleep(5 * time.Minute)
				require.Empty(t, w.states[lost].Leftovers(), "it is removed when its host is back")
				_, port := w.nics[lost].Port(append(s.Interfaces, compute.Interface{})[0].PortID)
				require.False(t, port)
				require.NoError(t, w.DeleteServer(member(t), s.ID))
				time.Sleep(time.Minute)
				w.gone(t)
			})
		})
	}
}

// A process that dies takes with it what it knows of a call under way.
func TestAHostLostWithTheProcessThatStartedTheGuestIsNotLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := worldAt(t, clock.System(), "hv1", "hv2")
		w.start(t, &flow.Options{Owner: "compute", Fault: func(_, step string, when flow.Point) error {
			if step == "spawn" && when == flow.AfterDo {
				return flow.ErrKilled
			}
			return nil
		}})
		made, err := w.CreateServer(member(t), w.request(t))
		require.NoError(t, err)
		require.ErrorIs(t, w.ops.Run(t.Context()), flow.ErrKilled)
		lost := w.get(t, made[0].ID).Host
		w.hosts[lost].SetFault(func(ctx context.Context, _ fault.Step) error {
			<-ctx.Done()
			return ctx.Err()
		})
		w.start(t, &flow.Options{Owner: "compute"})
		w.run(t).watched(t)
		time.Sleep(5 * time.Minute)
		require.Equal(t, "ERROR", w.get(t, made[0].ID).Status())
		for name, state := range w.states {
			require.Equal(t, name == lost, len(state.Leftovers()) > 0, "a guest on %s", name)
		}
	})
}

func TestABuildLeavesAHostThatAnswersAndHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := worldAt(t, clock.System(), "hv1", "hv2").run(t).watched(t)
		hang, _, release := fault.HangAt("create", "begin")
		defer release()
		good := w.bad(hang)
		var ids []string
		for range 2 { // one of which gets to the bad one
			made, err := w.CreateServer(member(t), w.request(t))
			require.NoError(t, err)
			ids = append(ids, made[0].ID)
		}
		time.Sleep(30 * time.Minute)
		for _, id := range ids {
			s := w.get(t, id)
			require.Equal(t, "ACTIVE", s.Status(), "%+v", s.Fault)
			require.Equal(t, good, s.Host)
		}
	})
}

func TestADeleteEndsABuildThatGoesOnElsewhere(t *testing.T) {
	w := newWorld(t, "hv1", "hv2", "hv3").run(t)
	hang, reached, release := fault.HangAt("remove", "begin")
	defer release()
	for _, h := range w.hosts {
		h.SetFault(turns(map[string]fault.Func{"create": refuse("create", errs.New(errs.NotSupported, "No.")), "remove": hang}))
	}
	made, err := w.CreateServer(member(t), w.request(t))
	require.NoError(t, err)
	<-reached
	require.NoError(t, w.DeleteServer(member(t), made[0].ID))
	require.NoError(t, w.DeleteServer(member(t), made[0].ID), "twice")
	release()
	w.idle(t)
	_, err = w.GetServer(member(t), made[0].ID)
	refused(t, errs.NotFound, err)
	w.gone(t)
	require.Zero(t, w.used(t, "instances"))
}

func TestABuildGoesOnElsewhereWheneverTheProcessDies(t *testing.T) {
	for n := 0; ; n++ {
		died := false
		synctest.Test(t, func(t *testing.T) {
			w := worldAt(t, clock.System(), "hv1", "hv2", "hv3")
			good := w.bad(refuse("create", errs.New(errs.NotSupported, "No.")))
			var mu sync.Mutex
			points := 0
			opts := &flow.Options{Owner: "compute", Fault: func(string, string, flow.Point) error {
				mu.Lock()
				defer mu.Unlock()
				if points++; points == n+1 {
					died = true
					return flow.ErrKilled
				}
				return nil
			}}
			w.start(t, opts)
			made, err := w.CreateServer(member(t), w.request(t))
			require.NoError(t, err)
			_ = w.ops.Run(until(t, w.ops))
			w.start(t, opts)
			w.run(t)
			time.Sleep(5 * time.Minute)
			s := w.get(t, made[0].ID)
			require.Equal(t, "ACTIVE", s.Status(), "killed at point %d: %+v", n, s.Fault)
			w.only(t, good, 1)
			ips, _, err := w.net.ListPorts(admin(t), store.Query{})
			require.NoError(t, err)
			require.Len(t, ips, 1)
			require.Equal(t, fmt.Sprint(good), ips[0].Host)
		})
		if !died {
			require.Greater(t, n, 10)
			return
		}
	}
}

// until gives a context that ends when an engine has nothing left to do.
func until(t *testing.T, e *flow.Engine) context.Context {
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		synctest.Wait()
		_ = e.Idle(ctx)
		stop()
	}()
	return ctx
}
