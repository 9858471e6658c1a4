package store_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/cumulite/cumulite/platform/store"
	"github.com/cumulite/cumulite/platform/store/sqlite"
)

// crashEnv makes the test binary a writer that works until it is killed.
const crashEnv = "CUMULITE_TEST_CRASH_DB"

func TestMain(m *testing.M) {
	if path := os.Getenv(crashEnv); path != "" {
		writeUntilKilled(path)
	}
	goleak.VerifyTestMain(m)
}

// writeUntilKilled prints the id of each row once it was acknowledged.
func writeUntilKilled(path string) {
	e, err := sqlite.Open(path, nil)
	if err != nil {
		panic(err)
	}
	db, err := store.Open(context.Background(), e, nil, shelf())
	if err != nil {
		panic(err)
	}
	var mu sync.Mutex
	for w := range 8 {
		go func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%06d-%d", w, i, os.Getpid())
				if err := write(db, book{ID: id, BoughtAt: noon}); err != nil {
					panic(err)
				}
				mu.Lock()
				fmt.Println(id)
				mu.Unlock()
			}
		}()
	}
	select {}
}

func TestAcknowledgedRowsSurviveAKill(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "crash.db")
	acknowledged := map[string]bool{}
	for round := range 4 {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), crashEnv+"="+path)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		guard := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			acknowledged[lines.Text()] = true
			if n == 150+37*round {
				require.NoError(t, cmd.Process.Kill())
			}
		}
		require.Error(t, cmd.Wait(), "it was killed")
		require.True(t, guard.Stop(), "it wrote too slowly")
		requireRows(t, path, acknowledged)
	}
}

// requireRows opens what the killed process left.
func requireRows(t *testing.T, path string, want map[string]bool) {
	t.Helper()
	e, err := sqlite.Open(path, nil)
	require.NoError(t, err)
	db, err := store.Open(context.Background(), e, nil, shelf())
	require.NoError(t, err)
	there := map[string]bool{}
	var rows []book
	require.NoError(t, db.Read().NewSelect().Model(&rows).Scan(context.Background()))
	for _, row := range rows {
		there[row.ID] = true
	}
	for id := range want {
		require.True(t, there[id], "%s was acknowledged and is lost", id)
	}
	var whole string
	require.NoError(t, db.QueryRow(context.Background(), "PRAGMA integrity_check").Scan(&whole))
	require.Equal(t, "ok", whole)
	require.NoError(t, db.Close())
}
