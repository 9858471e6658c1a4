package powercut

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	rounds = flag.Int("rounds", 2, "how often the power is cut")
	seed   = flag.Uint64("seed", 0, "of the moments at which it is cut; 0 takes one by the time")
)

// load is all that is written at once.
func load(t *testing.T, c *client) []kind {
	t.Helper()
	_, err := posted(0, "/compute/v2.1/flavors", "flavor", "id", `{"flavor":{"id":"tiny","name":%q,"ram":64,"vcpus":1,"disk":1}}`).make(t.Context(), c, "tiny")
	require.NoError(t, err)
	project := c.get(t, "/identity/v3/auth/tokens")["token"].(map[string]any)["project"].(map[string]any)["id"]
	for path, body := range map[string]string{
		"/compute/v2.1/os-quota-sets/": `{"quota_set":{"instances":-1,"cores":-1,"ram":-1}}`,
		"/networking/v2.0/quotas/":     `{"quota":{"network":-1,"security_group":-1}}`,
	} {
		status, answer, err := c.do(t.Context(), "PUT", fmt.Sprint(path, project), body)
		require.NoError(t, err)
		require.Equal(t, 200, status, string(answer))
	}
	made, err := image(1, 64<<10).make(t.Context(), c, "boot")
	require.NoError(t, err)
	boot := made.path[len("/image/v2/images/"):]
	server := fmt.Sprintf(`{"server":{"name":%%q,"flavorRef":"tiny","imageRef":%q,"networks":"none"}}`, boot)
	return []kind{
		posted(4, "/compute/v2.1/servers", "server", "id", server),
		posted(4, "/compute/v2.1/servers", "server", "id", server),
		posted(50, "/compute/v2.1/os-keypairs", "keypair", "name", `{"keypair":{"name":%q}}`),
		posted(50, "/networking/v2.0/networks", "network", "id", `{"network":{"name":%q}}`),
		posted(5, "/networking/v2.0/security-groups", "security_group", "id", `{"security_group":{"name":%q}}`),
		posted(50, "/identity/v3/projects", "project", "id", `{"project":{"name":%q,"domain_id":"default"}}`),
		image(20, 64<<10),
	}
}

// underLoad lets all kinds be written until the power is cut after a while,
// and gives what was acknowledged.
func underLoad(t *testing.T, m *machine, c *client, kinds []kind, while time.Duration) (all []thing) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	var (
		writers sync.WaitGroup
		mu      sync.Mutex
		early   []error
		cut     bool
	)
	begun := time.Now()
	for n, k := range kinds {
		writers.Go(func() {
			acknowledged, err := write(ctx, c, k, fmt.Sprintf("%d-%d", begun.UnixNano(), n))
			mu.Lock()
			defer mu.Unlock()
			all = append(all, acknowledged...)
			if !cut {
				early = append(early, err)
			}
		})
	}
	time.Sleep(while)
	mu.Lock()
	require.Empty(t, early, "writers that ended before the power was cut")
	cut = true
	m.cut()
	mu.Unlock()
	writers.Wait()
	return all
}

func TestPowerCutLosesNothingAcknowledged(t *testing.T) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", *seed)
	random := rand.New(rand.NewPCG(*seed, 0))
	m := newMachine(t)
	m.on()
	c := login(t, m)
	kinds := load(t, c)
	var all []thing
	for round := range *rounds {
		while := 2*time.Second + time.Duration(random.Int64N(int64(4*time.Second)))
		before := len(all)
		all = append(all, underLoad(t, m, c, kinds, while)...)
		m.on()
		settle(t, c, all) // with the token of before
		t.Logf("round %d: cut after %v, %d writes acknowledged and there", round, while, len(all)-before)
		require.Greater(t, len(all), before, "the power was cut under load")
		clear(t, c, all)
	}
}

// settle waits until no server is in between, and sees that each is what its maker was told.
func settle(t *testing.T, c *client, all []thing) {
	t.Helper()
	require.Eventually(t, func() bool {
		for _, s := range c.get(t, "/compute/v2.1/servers/detail?all_tenants=1&limit=1000")["servers"].([]any) {
			s := s.(map[string]any)
			require.NotEqual(t, "ERROR", s["status"], "%v", s)
			if s["status"] != "ACTIVE" || s["OS-EXT-STS:task_state"] != nil {
				return false
			}
		}
		return true
	}, time.Minute, 200*time.Millisecond)
	var wrong []string
	require.Eventually(t, func() bool { // deletes that were accepted go on
		wrong = c.missing(t, all)
		return len(wrong) == 0
	}, 30*time.Second, time.Second, "lost: %v", &wrong)
	status, report, err := c.do(t.Context(), "GET", "/cumulite/v1/doctor", nil)
	require.NoError(t, err)
	require.Equal(t, 200, status, string(report))
	require.Contains(t, string(report), `{"held":true,`, string(report))
}

// clear removes the servers and groups, of which there may not be many, for the next round.
func clear(t *testing.T, c *client, all []thing) {
	t.Helper()
	for i := range all {
		if x := &all[i]; !x.gone {
			status, answer, err := c.do(t.Context(), "DELETE", x.path, nil)
			require.NoError(t, err)
			require.Less(t, status, http.StatusMultipleChoices, "%s: %s", x.path, answer)
			x.gone = true
		}
	}
	require.Eventually(t, func() bool { return len(c.missing(t, all)) == 0 }, time.Minute, 200*time.Millisecond)
}

// What the other test proves is worth something only if it can see a loss.
func TestPowerCutLosesRelaxedCommits(t *testing.T) {
	m := newMachine(t, "--relaxed")
	m.on()
	c := login(t, m)
	all := underLoad(t, m, c, []kind{posted(1000, "/compute/v2.1/os-keypairs", "keypair", "name", `{"keypair":{"name":%q}}`)}, 4*time.Second)
	require.NotEmpty(t, all)
	m.on()
	lost := c.missing(t, all)
	t.Logf("%d of %d acknowledged writes are lost", len(lost), len(all))
	require.NotEmpty(t, lost)
}
