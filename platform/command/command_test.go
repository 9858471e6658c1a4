package command_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/command"
)

// The tests run this test binary as the program: what it does, its first
// argument says. TestMain keeps the machine's own tools out of it.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "as-program" {
		os.Exit(program(os.Args[2], os.Args[3:]))
	}
	os.Exit(m.Run())
}

func program(name string, args []string) int {
	switch name {
	case "echo":
		os.Stdout.WriteString(strings.Join(args, "|"))
	case "env":
		os.Stdout.WriteString(strings.Join(os.Environ(), "\n"))
	case "fail":
		os.Stderr.WriteString(strings.Repeat("noise\n", 1000) + "the disk is full\n")
		return 7
	case "flood":
		for {
			if _, err := os.Stdout.WriteString(strings.Repeat("x", 4096)); err != nil {
				return 1
			}
		}
	case "hang":
		time.Sleep(time.Hour)
	case "spin":
		for {
			_ = args
		}
	case "hoard":
		hoard := make([]byte, 1<<30)
		for i := range hoard {
			hoard[i] = 1
		}
	case "limits":
		limits, _ := os.ReadFile("/proc/self/limits")
		os.Stdout.Write(limits)
	}
	return 0
}

func self(t *testing.T, name string, args ...string) command.Command {
	t.Helper()
	path, err := os.Executable()
	require.NoError(t, err)
	return command.Command{Path: path, Args: append([]string{"as-program", name}, args...)}
}

func TestArgumentsArriveAsTheyAre(t *testing.T) {
	out, err := command.Run(t.Context(), self(t, "echo", "a b", "$HOME", "; rm -rf /", "*"))
	require.NoError(t, err)
	require.Equal(t, "a b|$HOME|; rm -rf /|*", string(out))
}

func TestNothingIsInherited(t *testing.T) {
	t.Setenv("SECRET_OF_THE_PARENT", "1")
	c := self(t, "env")
	c.Env = []string{"LC_ALL=C"}
	out, err := command.Run(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, "LC_ALL=C", string(out))

	c.Env = nil
	out, err = command.Run(t.Context(), c)
	require.NoError(t, err)
	require.Empty(t, string(out))
}

func TestRelativePathIsRefused(t *testing.T) {
	for _, path := range []string{"ls", "./ls", ""} {
		_, err := command.Run(t.Context(), command.Command{Path: path})
		require.ErrorContains(t, err, "absolute")
	}
}

func TestMissingProgram(t *testing.T) {
	_, err := command.Run(t.Context(), command.Command{Path: filepath.Join(t.TempDir(), "none")})
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestFailureCarriesCodeAndLastLines(t *testing.T) {
	_, err := command.Run(t.Context(), self(t, "fail"))
	var failed *command.Error
	require.ErrorAs(t, err, &failed)
	require.Equal(t, 7, failed.Code)
	require.LessOrEqual(t, len(failed.Stderr), 2048)
	require.True(t, strings.HasSuffix(failed.Stderr, "noise\nthe disk is full"))
	require.NotContains(t, err.Error(), "noise")
	require.ErrorContains(t, err, "the disk is full")
}

func TestTooMuchOutputIsAnError(t *testing.T) {
	c := self(t, "flood")
	c.Limits.Output = 10_000
	out, err := command.Run(t.Context(), c)
	require.ErrorIs(t, err, command.ErrOutput)
	require.Len(t, out, 10_000)
}

func TestOutputOfExactlyTheLimitIsNone(t *testing.T) {
	c := self(t, "echo", "12345")
	c.Limits.Output = 5
	out, err := command.Run(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, "12345", string(out))
}

func TestTimeLimitKills(t *testing.T) {
	c := self(t, "hang")
	c.Limits.Time = 50 * time.Millisecond
	_, err := command.Run(t.Context(), c)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	var failed *command.Error
	require.ErrorAs(t, err, &failed)
	require.Equal(t, -1, failed.Code)
}

func TestContextKills(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	c := self(t, "hang")
	c.Limits.Memory = 8 << 30 // killed as a limited, formerly traced process
	_, err := command.Run(ctx, c)
	require.ErrorIs(t, err, context.Canceled)
}

func TestLimitsAreInForce(t *testing.T) {
	c := self(t, "limits")
	c.Limits = command.Limits{Memory: 8 << 30, CPU: 1500 * time.Millisecond}
	out, err := command.Run(t.Context(), c)
	require.NoError(t, err)
	require.Regexp(t, `Max address space\s+8589934592\s+8589934592`, string(out))
	require.Regexp(t, `Max cpu time\s+2\s+2\s`, string(out))
}

func TestMemoryLimitEndsAHoarder(t *testing.T) {
	c := self(t, "hoard")
	c.Limits.Memory = 600 << 20
	_, err := command.Run(t.Context(), c)
	var failed *command.Error
	require.ErrorAs(t, err, &failed)
	require.NotZero(t, failed.Code)
}

func TestProcessorLimitEndsASpinner(t *testing.T) {
	c := self(t, "spin")
	c.Limits.CPU = time.Second
	_, err := command.Run(t.Context(), c)
	var failed *command.Error
	require.ErrorAs(t, err, &failed)
	require.Equal(t, -1, failed.Code, "killed by the signal, not by the time limit")
	require.NotErrorIs(t, err, context.DeadlineExceeded)
}

func TestStdin(t *testing.T) {
	c := command.Command{Path: "/bin/cat", Stdin: strings.NewReader("through")}
	out, err := command.Run(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, "through", string(out))
}
