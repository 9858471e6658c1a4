package kill

import (
	"flag"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/image/imagetest"
)

var (
	rounds = flag.Int("rounds", fromEnvironment("KILL_ROUNDS", 30), "how many simulated rounds")
	really = flag.Int("real", fromEnvironment("KILL_REAL", 0), "how many rounds with real parts")
	shared = flag.Int("shared", fromEnvironment("KILL_SHARED", 0), "how many rounds on PostgreSQL, with hosts of their own")
	seed   = flag.Uint64("seed", rand.Uint64()>>1, "what they follow from")
)

// fromEnvironment gives a number that make sets for packages that are tested together.
func fromEnvironment(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// seams is more than the longest deed passes.
const seams = 60

// TestSimulatedCloudsSurvive kills a process of its own at any seam of any deed.
func TestSimulatedCloudsSurvive(t *testing.T) {
	dir, err := os.MkdirTemp("/var/tmp", "kill-*") // on a disk
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	v := &simulated{t: t, dir: dir}
	t.Cleanup(func() { v.end() })
	play(t, v, nil, deeds, imagetest.Disk(1<<14), "raw", *rounds, seams)
}

// play plays so many rounds and reports.
func play(t *testing.T, v victim, dial dialer, deeds []deed, disk []byte, format string, rounds, moments int) {
	t.Logf("seed %d", *seed)
	rng := rand.New(rand.NewPCG(*seed, 0))
	c := newSite(t, rng, v, dial, disk, format)
	all := report{}
	defer func() { t.Logf("seed %d\n%s", *seed, all) }()
	for range rounds {
		all.add(c.round(deeds[rng.IntN(len(deeds))], 1+rng.IntN(moments)))
	}
}
