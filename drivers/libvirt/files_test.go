package libvirt

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	golibvirt "github.com/digitalocean/go-libvirt"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/durable"
	"github.com/cumulite/cumulite/platform/errs"
)

func TestFilesAreWholeOrNotThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	broke := errors.New("the disk is full")
	err := create(path, func(part string) error {
		require.NoError(t, os.WriteFile(part, []byte("half"), 0o600))
		return broke
	})
	require.ErrorIs(t, err, broke)
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Empty(t, left)

	put := func(text string) func(string) error {
		return func(part string) error {
			return write(part, func(w io.Writer) error { _, err := io.WriteString(w, text); return err })
		}
	}
	require.NoError(t, os.WriteFile(path+".part", []byte("of a process that was killed"), 0o600))
	require.NoError(t, create(path, put("one")))
	require.NoError(t, create(path, put("two")))
	require.Equal(t, "one", readText(path), "what is there is left alone")
	require.NoError(t, durable.Replace(path, put("three")))
	require.Equal(t, "three", readText(path))
	require.NoFileExists(t, path+".part")
}

func TestConsoleGivesItsRoomBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "console.log")
	line := strings.Repeat("x", 1023) + "\n"
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat(line, 8<<10)+"the end\n"), 0o600))
	qemu, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	defer qemu.Close()

	trimConsole(path)
	var stat syscall.Stat_t
	require.NoError(t, syscall.Stat(path, &stat))
	require.LessOrEqual(t, stat.Blocks*512, int64(2*compute.MaxConsole+8192))
	_, err = qemu.WriteString("still written\n")
	require.NoError(t, err)
	log, err := readConsole(path, 2)
	require.NoError(t, err)
	require.Equal(t, "the end\nstill written\n", string(log))
	all, err := readConsole(path, -1)
	require.NoError(t, err)
	require.Len(t, all, compute.MaxConsole)
	require.NotContains(t, string(all), "\x00", "what was given back is out of reach")
}

// A start that meets another, whose caller has died, is worth another attempt.
func TestStartThatMeetsAnotherIsTriedAgain(t *testing.T) {
	require.NoError(t, starting(nil))
	require.True(t, errs.Transient(starting(kind(golibvirt.Error{Code: uint32(golibvirt.ErrOperationInvalid)}))))
	require.False(t, errs.Transient(starting(kind(golibvirt.Error{Code: uint32(golibvirt.ErrXMLError)}))))
}

func TestKindsOfErrors(t *testing.T) {
	for code, want := range map[golibvirt.ErrorNumber]errs.Kind{
		golibvirt.ErrNoDomain: errs.NotFound, golibvirt.ErrOperationInvalid: errs.Conflict,
		golibvirt.ErrConfigUnsupported: errs.NotSupported, golibvirt.ErrXMLError: errs.Invalid,
		golibvirt.ErrOperationTimeout: errs.Unavailable, golibvirt.ErrInternalError: errs.Internal,
	} {
		err := kind(golibvirt.Error{Code: uint32(code), Message: "/secret/path"})
		require.Equal(t, want, errs.KindOf(err))
		require.NotContains(t, errs.Message(err), "/secret/path")
		require.ErrorContains(t, err, "/secret/path", "logs show it")
	}
	require.Equal(t, errs.Unavailable, errs.KindOf(kind(io.ErrUnexpectedEOF)))
	require.NoError(t, kind(nil))
	own := errs.Conflictf("no")
	require.Equal(t, error(own), kind(own))
}

func TestPowerStates(t *testing.T) {
	for state, want := range map[golibvirt.DomainState]compute.PowerState{
		golibvirt.DomainRunning: compute.Running, golibvirt.DomainBlocked: compute.Running, golibvirt.DomainShutdown: compute.Running,
		golibvirt.DomainPaused: compute.Paused, golibvirt.DomainShutoff: compute.Shutdown, golibvirt.DomainCrashed: compute.Crashed,
		golibvirt.DomainNostate: compute.NoState,
	} {
		require.Equal(t, want, powerState(state, 0))
	}
	require.Equal(t, compute.Crashed, powerState(golibvirt.DomainShutoff, golibvirt.DomainShutoffCrashed))
}

func TestPowerAfterAnEvent(t *testing.T) {
	for want, ev := range map[compute.PowerState]golibvirt.DomainEventLifecycleMsg{
		compute.Running:   {Event: int32(golibvirt.DomainEventResumed)},
		compute.Paused:    {Event: int32(golibvirt.DomainEventSuspended)},
		compute.Shutdown:  {Event: int32(golibvirt.DomainEventStopped), Detail: int32(golibvirt.DomainEventStoppedShutdown)},
		compute.Crashed:   {Event: int32(golibvirt.DomainEventStopped), Detail: int32(golibvirt.DomainEventStoppedCrashed)},
		compute.Suspended: {Event: int32(golibvirt.DomainEventStopped), Detail: int32(golibvirt.DomainEventStoppedSaved)},
		compute.NoState:   {Event: int32(golibvirt.DomainEventDefined)},
	} {
		require.Equal(t, want, powerAfter(ev))
	}
}

func TestMarkSurvives(t *testing.T) {
	g := guestDir("/state/<guests>/&")
	text := g.mark().XML
	require.Contains(t, text, namespace)
	require.True(t, g.marks(text))
	require.False(t, guestDir("/other").marks(text))
	require.False(t, g.marks("no xml"))
}
