package command

import (
	"errors"
	"os/exec"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// start starts cmd with its resource limits in force before its first
// instruction: a traced child stops at the end of exec, gets its limits from
// outside, and is let go.
func start(cmd *exec.Cmd, l Limits) error {
	if l.Memory == 0 && l.CPU == 0 {
		return cmd.Start()
	}
	runtime.LockOSThread() // a tracer is a thread
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr.Ptrace = true
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := limit(cmd.Process.Pid, l); err != nil {
		return errors.Join(err, cmd.Cancel(), cmd.Wait())
	}
	return nil
}

// limit waits until process pid has stopped, limits it, and lets it go on.
func limit(pid int, l Limits) error {
	// WNOWAIT leaves the status to cmd.Wait, should pid have been killed already.
	err := unix.Waitid(unix.P_PID, pid, nil, unix.WSTOPPED|unix.WEXITED|unix.WNOWAIT, nil)
	if err != nil {
		return err
	}
	if err := setLimit(pid, unix.RLIMIT_AS, uint64(l.Memory)); err != nil {
		return err
	}
	seconds := uint64((l.CPU + time.Second - 1) / time.Second)
	if err := setLimit(pid, unix.RLIMIT_CPU, seconds); err != nil {
		return err
	}
	if err := unix.PtraceDetach(pid); err != nil && !errors.Is(err, unix.ESRCH) { // ESRCH: killed meanwhile
		return err
	}
	return nil
}

func setLimit(pid, resource int, value uint64) error {
	if value == 0 {
		return nil
	}
	err := unix.Prlimit(pid, resource, &unix.Rlimit{Cur: value, Max: value}, nil)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}
