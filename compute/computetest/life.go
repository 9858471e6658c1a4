package computetest

import (
	"bytes"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/errs"
)

var lifeCases = []testCase{
	{"describes itself", "Describe says which host this is, how large, and what it can do", testDescribe},
	{"life of a guest", "mutating calls return when the effect is there; Remove takes away all its traces", testLife},
	{"life of an operating system", "Stop asks by the power button first; interfaces come and go while it runs", testOS},
	{"stop without grace to obey", "a guest that does not obey its power button is cut off after grace", testDeaf},
	{"console", "the last lines of the serial console's log; lines below 0 gives all of it", testConsole},
	{"restart of the driver", "guests outlive the process that started them, and are found again by Guests", testRestart},
	{"guests at the same time", "calls for different guests run at the same time", testConcurrent},
}

func testDescribe(s *suite) {
	info, err := s.Describe(s.Context())
	require.NoError(s, err)
	require.NotEmpty(s, info.Name)
	require.NotEmpty(s, info.Type)
	require.NotEmpty(s, info.Arch)
	require.NotEmpty(s, info.Address)
	require.Positive(s, info.Version)
	require.Positive(s, info.VCPUs)
	require.Positive(s, info.MemoryMiB)
	require.Positive(s, info.DiskGiB)
	require.Subset(s, info.Formats, []string{"raw", "qcow2", "iso"})

	_, suspends := s.Hypervisor.(compute.Suspender)
	_, watches := s.Hypervisor.(compute.Watcher)
	require.Equal(s, contains(info.Abilities, compute.CanSuspend), suspends, "abilities and methods agree")
	require.Equal(s, contains(info.Abilities, compute.CanWatch), watches, "abilities and methods agree")
}

func contains(all []compute.Ability, one compute.Ability) bool {
	for _, a := range all {
		if a == one {
			return true
		}
	}
	return false
}

func testLife(s *suite) {
	ctx := s.Context()
	spec := s.created(s.spec(s.images.Bootable()))
	s.requirePower(spec.ID, compute.Shutdown)

	require.NoError(s, s.Start(ctx, s.op(), spec))
	s.requirePower(spec.ID, compute.Running)
	s.waitReady(spec.ID, 1)

	require.NoError(s, s.Pause(ctx, s.op(), spec.ID))
	s.requirePower(spec.ID, compute.Paused)
	require.NoError(s, s.Resume(ctx, s.op(), spec.ID))
	s.requirePower(spec.ID, compute.Running)

	require.NoError(s, s.Reset(ctx, s.op(), spec.ID))
	s.requirePower(spec.ID, compute.Running)
	s.waitReady(spec.ID, 2)

	require.NoError(s, s.Stop(ctx, s.op(), spec.ID, 0))
	s.requirePower(spec.ID, compute.Shutdown)
	require.NoError(s, s.Start(ctx, s.op(), spec))
	s.requirePower(spec.ID, compute.Running)
	s.waitReady(spec.ID, 3)

	require.NoError(s, s.Remove(ctx, s.op(), spec.ID))
	s.requireGone()
}

// waitReady waits until the guest has come up n times.
func (s *suite) waitReady(id string, n int) {
	s.Helper()
	s.eventually("the guest prints GUEST-READY", func() bool {
		log, err := s.Console(s.Context(), id, -1)
		return err == nil && bytes.Count(log, []byte("GUEST-READY")) >= n
	})
}

func testOS(s *suite) {
	ctx := s.Context()
	spec := s.spec(s.os())
	spec.MemoryMiB = 192
	spec.NICs = []compute.NIC{nic(1)}
	spec.ConfigDrive = map[string][]byte{"openstack/latest/meta_data.json": []byte(`{"hostname": "` + spec.Hostname + `"}`)}
	s.started(spec)
	s.waitReady(spec.ID, 1)
	log, err := s.Console(ctx, spec.ID, -1)
	require.NoError(s, err)
	require.Contains(s, string(log), "GUEST-READY hostname="+spec.Hostname)
	require.Contains(s, string(log), "mac="+spec.NICs[0].MAC)

	second := nic(2)
	require.NoError(s, s.Plug(ctx, s.op(), spec.ID, second))
	require.Equal(s, []string{spec.NICs[0].MAC, second.MAC}, s.machine.Inspect(s.T, spec.ID).MACs)
	require.NoError(s, s.Unplug(ctx, s.op(), spec.ID, second.PortID))
	require.Equal(s, []string{spec.NICs[0].MAC}, s.machine.Inspect(s.T, spec.ID).MACs)

	require.NoError(s, s.Stop(ctx, s.op(), spec.ID, 30*time.Second))
	s.requirePower(spec.ID, compute.Shutdown)
	log, err = s.Console(ctx, spec.ID, -1)
	require.NoError(s, err)
	require.Contains(s, string(log), "GUEST-POWERBUTTON")
	require.NoError(s, s.Remove(ctx, s.op(), spec.ID))
	s.requireGone()
}

func testDeaf(s *suite) {
	spec := s.started(s.empty())
	require.NoError(s, s.Stop(s.Context(), s.op(), spec.ID, 300*time.Millisecond))
	s.requirePower(spec.ID, compute.Shutdown)

	require.NoError(s, s.Start(s.Context(), s.op(), spec))
	require.NoError(s, s.Pause(s.Context(), s.op(), spec.ID))
	require.NoError(s, s.Stop(s.Context(), s.op(), spec.ID, 100*time.Millisecond))
	s.requirePower(spec.ID, compute.Shutdown)
}

func testConsole(s *suite) {
	ctx := s.Context()
	spec := s.started(s.spec(s.images.Bootable()))
	s.waitReady(spec.ID, 1)

	all, err := s.Console(ctx, spec.ID, -1)
	require.NoError(s, err)
	none, err := s.Console(ctx, spec.ID, 0)
	require.NoError(s, err)
	require.Empty(s, none)
	last, err := s.Console(ctx, spec.ID, 1)
	require.NoError(s, err)
	require.True(s, bytes.HasSuffix(all, last), "the last line is the end of all")
	require.Contains(s, string(last), "GUEST-READY")
	require.Less(s, len(last), len(all))
	many, err := s.Console(ctx, spec.ID, 1_000_000)
	require.NoError(s, err)
	require.Equal(s, string(all), string(many))

	require.NoError(s, s.Stop(ctx, s.op(), spec.ID, 0))
	kept, err := s.Console(ctx, spec.ID, -1)
	require.NoError(s, err)
	require.Contains(s, string(kept), "GUEST-READY", "the log of a stopped guest is still there")

	require.NoError(s, s.Remove(ctx, s.op(), spec.ID))
	_, err = s.Console(ctx, spec.ID, -1)
	s.requireKind(errs.NotFound, err)
}

func testRestart(s *suite) {
	ctx := s.Context()
	running, stopped := s.started(s.empty()), s.created(s.empty())
	op := s.op()
	require.NoError(s, s.Pause(ctx, op, running.ID))
	require.NoError(s, s.Resume(ctx, s.op(), running.ID))

	s.restart()
	s.requirePower(running.ID, compute.Running)
	s.requirePower(stopped.ID, compute.Shutdown)
	require.NoError(s, s.Pause(ctx, op, running.ID), "a late repeat")
	s.requirePower(running.ID, compute.Running)

	require.NoError(s, s.Stop(ctx, s.op(), running.ID, 0))
	require.NoError(s, s.Start(ctx, s.op(), stopped))
	s.requirePower(running.ID, compute.Shutdown)
	s.requirePower(stopped.ID, compute.Running)
	require.NoError(s, s.Remove(ctx, s.op(), running.ID))
	require.NoError(s, s.Remove(ctx, s.op(), stopped.ID))
	s.requireGone()
}

func testConcurrent(s *suite) {
	ctx := s.Context()
	slow := s.spec(s.images.Bootable())
	reached, release := s.images.Hang(slow.Image.ID)
	defer release()
	op := s.op()
	done := make(chan error, 1)
	go func() { done <- s.Create(ctx, op, slow) }()
	<-reached

	quick := s.started(s.empty())
	s.requirePower(quick.ID, compute.Running)
	_, err := s.Console(ctx, uuid.NewString(), 1)
	s.requireKind(errs.NotFound, err)
	require.Empty(s, done, "the slow one still waits for its image")
	release()
	require.NoError(s, <-done)
	s.requirePower(slow.ID, compute.Shutdown)
}
