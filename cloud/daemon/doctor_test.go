package daemon

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/cloud"
	"github.com/cumulite/cumulite/cloud/cloudapi"
	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
	"github.com/cumulite/cumulite/platform/store/sqlite"
	"github.com/cumulite/cumulite/test/capture"
)

var simulators = Drivers{
	Hypervisors: map[string]NewHypervisor{"sim": func(c Config, deps cloud.HostDeps) (compute.Hypervisor, error) {
		return cloud.SimulatedHypervisor(c.Host, deps)
	}},
	Networks: map[string]NewNetwork{"sim": func(c Config, deps cloud.HostDeps) (network.Driver, error) {
		return cloud.SimulatedNetwork(c.Host, deps), nil
	}},
}

// do does a command as the program would.
func do(ctx context.Context, out *capture.Buffer, args ...string) error {
	c, command, _, err := parse(args, simulators, out)
	if err != nil {
		return err
	}
	return command.do(ctx, program{Config: c, drivers: simulators, out: out})
}

// runs runs a cloud in dir until stop is called.
func runs(t *testing.T, dir string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, ended := &capture.Buffer{}, make(chan error, 1)
	go func() { ended <- do(ctx, out, "--state-dir", dir, "--listen", "127.0.0.1:0", "--operator", "none") }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	t.Cleanup(stop)
	require.Eventually(t, func() bool { return strings.Contains(out.String(), "ready") }, 30*time.Second, 10*time.Millisecond)
	return stop
}

// tamper changes rows of a cloud at rest.
func tamper(t *testing.T, dir, statement string) {
	t.Helper()
	engine, err := sqlite.Open(filepath.Join(dir, "state.db"), nil)
	require.NoError(t, err)
	db, err := store.Open(t.Context(), engine, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	require.NoError(t, db.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, statement)
		return err
	}))
}

const miscount = "INSERT INTO quota_usage (project_id, service, resource, used) VALUES ('p', 'compute', 'cores', 7)"

func TestDoctorExaminesARunningCloudAndOneAtRest(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	examine := func(args ...string) (string, error) {
		out := &capture.Buffer{}
		err := do(t.Context(), out, append([]string{"doctor", "--state-dir", dir}, args...)...)
		return out.String(), err
	}
	_, err := examine()
	require.True(t, errs.Is(err, errs.Invalid), "there is no cloud yet, and none is made: %v", err)
	require.NoDirExists(t, dir)

	stop := runs(t, dir)
	out, err := examine()
	require.NoError(t, err)
	require.Contains(t, out, "held      flow.operations")
	require.NotContains(t, out, "NOT HELD")
	require.NotContains(t, out, "image.checksums")
	stop()

	out, err = examine("--deep")
	require.NoError(t, err)
	require.Contains(t, out, "held      image.checksums")
	require.NotContains(t, out, "flow.operations", "nobody is at work")

	tamper(t, dir, miscount)
	out, err = examine()
	require.ErrorContains(t, err, "1 of 18 invariants do not hold")
	require.False(t, errs.Is(err, errs.Invalid))
	require.Contains(t, out, "NOT HELD  compute.quotas")
	require.Contains(t, out, "count of project p cores: it is too high by 7\n")

	stop = runs(t, dir)
	out, err = examine("--json")
	require.ErrorContains(t, err, "1 of 21 invariants do not hold")
	var report cloudapi.Report
	require.NoError(t, json.Unmarshal([]byte(out), &report))
	require.False(t, report.Held)
	out, err = examine("--repair")
	require.NoError(t, err)
	require.Contains(t, out, "it is too high by 7 (mended)")
	stop()

	tamper(t, dir, strings.Replace(miscount, "'p'", "'q'", 1))
	out, err = examine("--repair")
	require.NoError(t, err)
	require.Contains(t, out, "count of project q cores: it is too high by 7 (mended)")
	_, err = examine()
	require.NoError(t, err)

	_, err = examine("--walk")
	require.True(t, errs.Is(err, errs.Invalid))
}

func TestDoctorNeedsACloudThatStays(t *testing.T) {
	require.True(t, errs.Is(do(t.Context(), &capture.Buffer{}, "doctor", "--ephemeral"), errs.Invalid))
}
