// Package command runs programs of the machine. It is the only package that
// does, so that what it rules out is ruled out everywhere: there is no shell,
// no search in PATH, no inherited environment, no unbounded output or time.
//
//	out, err := command.Run(ctx, command.Command{
//		Path:   "/usr/bin/qemu-img",
//		Args:   []string{"info", "--output=json", "--", path},
//		Limits: command.Limits{Memory: 1 << 30, CPU: 30 * time.Second},
//	})
//
// What comes from outside goes into Args after "--" or where the program
// takes it for nothing but a name.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Command is one run of a program.
type Command struct {
	Path   string    // absolute
	Args   []string  // without the program's name
	Env    []string  // the whole environment, "KEY=value"; nothing is inherited
	Dir    string    // the working directory, "/" when empty
	Stdin  io.Reader // nil: empty
	Limits Limits
}

// Limits bound a program. Zero means the default, never "none".
type Limits struct {
	Time   time.Duration // from start to end, then it is killed; 1 minute
	Output int           // bytes of its standard output, more is an error; 1 MiB
	Memory int64         // bytes of address space; not limited by default
	CPU    time.Duration // processor time, to the second; not limited by default
}

const (
	defaultTime   = time.Minute
	defaultOutput = 1 << 20
	stderrKept    = 2048
	drainTime     = time.Second
)

// Error is the failure of a program that ran.
type Error struct {
	Program string // the last part of its path
	Code    int    // its exit code, -1 when a signal ended it
	Stderr  string // the end of what it wrote there, at most 2 KiB
	Err     error
}

// Error names the program and gives the last line of its stderr.
func (e *Error) Error() string {
	last := e.Stderr[strings.LastIndexByte(e.Stderr, '\n')+1:]
	if last == "" {
		return fmt.Sprintf("%s: %v", e.Program, e.Err)
	}
	return fmt.Sprintf("%s: %v: %s", e.Program, e.Err, last)
}

// Unwrap gives the cause: the context's error, ErrOutput, or an *exec.ExitError.
func (e *Error) Unwrap() error { return e.Err }

// ErrOutput says that a program wrote more than its Limits allow.
var ErrOutput = errors.New("too much output")

// Run runs c to its end and gives its standard output. A program that fails,
// is killed by ctx or its limits, or writes too much is an *Error. When ctx or
// the time ends, the program and those it started are killed, and errors.Is
// finds ctx's error. The output up to then is given also with an error.
func Run(ctx context.Context, c Command) ([]byte, error) {
	if !filepath.IsAbs(c.Path) {
		return nil, fmt.Errorf("command: %q is not an absolute path", c.Path)
	}
	ctx, cancel := context.WithTimeout(ctx, orElse(c.Limits.Time, defaultTime))
	defer cancel()
	stdout := &head{limit: orElse(c.Limits.Output, defaultOutput), full: cancel}
	stderr := &tail{limit: stderrKept}

	cmd := prepare(ctx, c)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if err := start(cmd, c.Limits); err != nil {
		return nil, fmt.Errorf("command: start %s: %w", c.Path, err)
	}
	err := cmd.Wait()
	switch {
	case stdout.over:
		err = ErrOutput
	case err != nil && ctx.Err() != nil:
		err = ctx.Err()
	case err == nil:
		return stdout.kept, nil
	}
	return stdout.kept, &Error{
		Program: filepath.Base(c.Path), Code: cmd.ProcessState.ExitCode(),
		Stderr: strings.TrimSpace(stderr.String()), Err: err,
	}
}

func prepare(ctx context.Context, c Command) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.Path, c.Args...)
	cmd.Env = append([]string{}, c.Env...) // not nil: nil would inherit
	cmd.Dir = orElse(c.Dir, "/")
	cmd.Stdin = c.Stdin
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = drainTime // a grandchild may hold the pipes open
	return cmd
}

func orElse[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// head keeps the first bytes written to it and calls full when there are more.
type head struct {
	kept  []byte
	limit int
	full  func()
	over  bool
}

func (h *head) Write(p []byte) (int, error) {
	room := min(h.limit-len(h.kept), len(p))
	h.kept = append(h.kept, p[:room]...)
	if room < len(p) && !h.over {
		h.over = true
		h.full()
	}
	return len(p), nil
}

// tail keeps the last bytes written to it.
type tail struct {
	kept  []byte
	limit int
}

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if extra := len(t.kept) - t.limit; extra > 0 {
		t.kept = append(t.kept[:0], t.kept[extra:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return string(t.kept) }
