package soak

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/image/imagetest"
	"github.com/cumulite/cumulite/platform/clock"
)

var (
	seconds = flag.Int("seconds", fromEnvironment("SOAK_SECONDS", 5), "how long to run new seeds")
	again   = flag.Uint64("seed", 0, "run this seed alone")
)

// fromEnvironment gives a number that make sets for packages that are tested together.
func fromEnvironment(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// world is what is there from the start.
type world struct {
	flavorID, imageID, externalID string
	things                        []*thing // the administrator's
}

// TestCloudsKeepTheirPromises plays programs from new seeds for a while.
func TestCloudsKeepTheirPromises(t *testing.T) {
	template := memory(t)
	w := prepare(t, template)
	total, played := tally{}, 0
	play := func(seed uint64) {
		played++
		dir := filepath.Join(memory(t), "state")
		require.NoError(t, os.CopyFS(dir, os.DirFS(template)))
		defer os.RemoveAll(dir)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { total.add(playSeed(t, seed, dir, w)) })
		})
	}
	if *again != 0 {
		play(*again)
		return
	}
	clk := clock.System()
	for end := clk.Now().Add(time.Duration(*seconds) * time.Second); clk.Now().Before(end) && !t.Failed(); {
		play(rand.Uint64()>>1 | 1)
	}
	t.Logf("%d seeds\n%s", played, total)
}

// playSeed plays one program. When it fails all that happened is told.
func playSeed(t *testing.T, seed uint64, dir string, w world) tally {
	time.Sleep(time.Hour) // the template was made at the beginning of all bubbles' time
	r := newRun(t, seed, dir, w)
	defer func() {
		if t.Failed() {
			t.Logf("seed %d:\n%s", seed, r.story.String())
		}
	}()
	r.play()
	return r.tale
}

// memory gives a directory that goes with the test, in memory if possible.
func memory(t *testing.T) string {
	dir := ""
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		dir = "/dev/shm"
	}
	dir, err := os.MkdirTemp(dir, "soak-*")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// prepare makes the state that every run begins with.
func prepare(t *testing.T, dir string) (w world) {
	synctest.Test(t, func(t *testing.T) {
		r := newRun(t, 0, dir, world{})
		r.machines = r.machines[:1]
		r.open()
		c := r.admin
		require.Eventually(t, c.login, time.Minute, time.Second) // passwords are hashed beside
		id := func(t *thing) string {
			require.NotNil(r.t, t, "%s", &r.story)
			return t.id
		}
		w.flavorID = id(c.make("flavor", object{"name": "small", "ram": 64, "vcpus": 1, "disk": 1}))
		w.imageID = id(c.make("image", object{"name": "disk", "disk_format": "raw", "container_format": "bare", "visibility": "public"}))
		require.True(t, c.call("PUT", "/image/v2/images/"+w.imageID+"/file", imagetest.Disk(1<<12)).acked())
		w.externalID = id(c.make("network", object{"name": "outside", "router:external": true, "shared": false}))
		id(c.make("subnet", object{"network_id": w.externalID, "ip_version": 4, "cidr": "192.168.0.0/16", "enable_dhcp": false}))
		w.things = c.things
		time.Sleep(time.Minute)
		require.NoError(t, r.stop())
	})
	return w
}
