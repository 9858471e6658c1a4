package need_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/test/need"
)

// outcome records what need does to a test, in place of doing it.
type outcome struct {
	testing.TB
	skipped, failed bool
}

func (o *outcome) Helper()      {}
func (o *outcome) Skip(...any)  { o.skipped = true }
func (o *outcome) Fatal(...any) { o.failed = true }

func TestMissingProgramSkips(t *testing.T) {
	t.Setenv("CI", "")
	o := &outcome{TB: t}
	need.Program(o, "no-such-program")
	require.Equal(t, outcome{TB: t, skipped: true}, *o)
}

func TestMissingProgramFailsInCI(t *testing.T) {
	t.Setenv("CI", "true")
	o := &outcome{TB: t}
	need.Program(o, "no-such-program")
	require.Equal(t, outcome{TB: t, failed: true}, *o)
}

func TestProgramIsFoundByAbsolutePath(t *testing.T) {
	o := &outcome{TB: t}
	require.Contains(t, need.Program(o, "cat"), "/bin/cat")
	require.False(t, o.skipped || o.failed)
}

func TestFile(t *testing.T) {
	t.Setenv("CI", "")
	o := &outcome{TB: t}
	require.Equal(t, os.DevNull, need.File(o, os.DevNull))
	require.False(t, o.skipped)
	need.File(o, "/no/such/file")
	require.True(t, o.skipped)
}

func TestRoot(t *testing.T) {
	t.Setenv("CI", "")
	o := &outcome{TB: t}
	need.Root(o)
	require.Equal(t, os.Geteuid() != 0, o.skipped)
}
