package computeapi_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	simfault "github.com/cumulite/cumulite/drivers/sim/fault"
	"github.com/cumulite/cumulite/platform/errs"
)

// shown is an action as its owner and others see it.
type shown struct {
	Action struct {
		Action  string
		Message *string
		Events  *[]struct {
			Event      string
			StartTime  string  `json:"start_time"`
			FinishTime *string `json:"finish_time"`
			Result     *string
			Details    *string
			Host       *string
			HostID     *string `json:"hostId"`
		}
	} `json:"instanceAction"`
}

// act asks something of a server and gives a reader of what became of it.
func (w *world) act(t *testing.T, id, action string) func(caller, version string) shown {
	r := w.client(t, "member", "2.84").do("POST", "/servers/"+id+"/action", object{action: nil}).Want(202)
	path := "/servers/" + id + "/os-instance-actions/" + r.Header.Get("X-Openstack-Request-Id")
	return func(caller, version string) (s shown) {
		w.client(t, caller, version).get(path).Want(200).JSON(&s)
		return s
	}
}

func TestActionsShowWhatIsStillTried(t *testing.T) {
	w := newWorld(t)
	s := w.server(t)
	w.host.SetFault(simfault.FailAt("stop", "begin", -1, errs.New(errs.Unavailable, "Compute host hv1 is not available.")))
	read := w.act(t, s.ID, "os-stop")
	w.idle(t)
	for range 6 {
		w.clock.Advance(4 * time.Second)
		w.idle(t)
	}
	const says = `^Compute host hv1 is not available; attempt \d+, next in \d+ s$`
	own := read("member", "2.84").Action
	require.Regexp(t, says, *own.Message, "its owner reads why, and when it is tried again")
	e := (*own.Events)[0]
	require.Equal(t, "compute_stop", e.Event)
	require.Nil(t, e.FinishTime)
	require.Nil(t, e.Result)
	require.Nil(t, e.Details)
	require.Nil(t, e.Host)
	require.NotEmpty(t, *e.HostID)
	all := (*read("admin", "2.84").Action.Events)[0]
	require.Regexp(t, says, *all.Details)
	require.Equal(t, "hv1", *all.Host)
	require.Nil(t, read("member", "2.50").Action.Events)
	require.Nil(t, (*read("member", "2.51").Action.Events)[0].HostID, "only since 2.62")

	w.host.SetFault(nil)
	w.clock.Advance(time.Minute)
	w.idle(t)
	own = read("member", "2.84").Action
	require.Nil(t, own.Message)
	require.Equal(t, "Success", *(*own.Events)[0].Result)
	require.NotNil(t, (*own.Events)[0].FinishTime)
}

func TestActionsShowTheStepThatIsAtWork(t *testing.T) {
	w := newWorld(t)
	s := w.server(t)
	hang, reached, release := simfault.HangAt("stop", "begin")
	defer release()
	w.host.SetFault(hang)
	read := w.act(t, s.ID, "os-stop")
	<-reached
	e := *read("member", "2.84").Action.Events
	require.Len(t, e, 1)
	require.Equal(t, "compute_stop", e[0].Event)
	require.Nil(t, e[0].Result)
	require.Nil(t, e[0].FinishTime)
}

func TestActionsShowAHostThatIsDown(t *testing.T) {
	w := newWorld(t)
	s := w.server(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.compute.Run(ctx) }()
	defer func() { stop(); require.NoError(t, <-ended) }()
	w.host.SetFault(func(ctx context.Context, _ simfault.Step) error { <-ctx.Done(); return ctx.Err() })
	read := w.act(t, s.ID, "os-stop")
	require.Eventually(t, func() bool {
		w.clock.Advance(4 * time.Second)
		message := read("member", "2.84").Action.Message
		return message != nil && *message != "Error"
	}, 30*time.Second, 50*time.Millisecond, "the call that hangs is cut when the host is found to be down")
	require.Contains(t, *read("member", "2.84").Action.Message, "Compute host hv1 is not available; attempt ")
	w.client(t, "member", "2.84").do("POST", "/servers/"+s.ID+"/action", object{"reboot": object{"type": "HARD"}}).Want(409)
	w.client(t, "member", "2.84").do("DELETE", "/servers/"+s.ID, nil).Want(204)
	require.Eventually(t, func() bool {
		w.clock.Advance(4 * time.Second)
		return w.client(t, "member", "2.84").get("/servers/"+s.ID).Status == 404
	}, 20*time.Second, 50*time.Millisecond, "a delete goes through")
}
