package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/test/capture"
)

// program builds one of ours once and gives its path.
func program(t testing.TB, pkg string) string {
	t.Helper()
	builds.Lock()
	defer builds.Unlock()
	if path := builds.done[pkg]; path != "" {
		return path
	}
	path := filepath.Join(builds.dir, filepath.Base(pkg))
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "../"+pkg).CombinedOutput()
	require.NoError(t, err, string(out))
	builds.done[pkg] = path
	return path
}

var builds = struct {
	sync.Mutex
	dir  string
	done map[string]string
}{done: map[string]string{}}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "e2e")
	if err != nil {
		panic(err)
	}
	builds.dir = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// spawn starts a command; tests in a namespace have their own.
type spawn func(*exec.Cmd) error

func here(c *exec.Cmd) error { return c.Start() }

// daemon is a running cumulited.
type daemon struct {
	t      testing.TB
	cmd    *exec.Cmd
	ready  string // its line
	url    string
	clouds string // path of clouds.yaml
	log    *capture.Buffer
	ended  chan error
}

var readyLine = regexp.MustCompile(`^ready.*: (https?://\S+) after ([0-9.]+) s, OS_CLIENT_CONFIG_FILE=(\S+)$`)

// startDaemon runs cumulited on ports of its own and waits until it is ready.
// The test ends it, and fails when it did not end in order.
func startDaemon(t testing.TB, in spawn, args ...string) *daemon {
	t.Helper()
	d := launch(t, in, args...)
	t.Cleanup(func() {
		if d.cmd.ProcessState == nil {
			require.NoError(t, d.stop(syscall.SIGTERM), d.log.String())
		}
		if t.Failed() {
			t.Logf("cumulited's log:\n%s", d.log)
		}
	})
	return d
}

func launch(t testing.TB, in spawn, args ...string) *daemon {
	t.Helper()
	d := &daemon{t: t, log: &capture.Buffer{}, ended: make(chan error, 1)}
	d.cmd = exec.Command(program(t, "daemons/cumulited"), append([]string{"--listen", "127.0.0.1:0"}, args...)...)
	out, err := d.cmd.StdoutPipe()
	require.NoError(t, err)
	d.cmd.Stderr = d.log
	require.NoError(t, in(d.cmd))
	lines := make(chan string, 1)
	go func() {
		r := bufio.NewReader(out)
		line, _ := r.ReadString('\n')
		lines <- strings.TrimSpace(line)
		_, _ = io.Copy(d.log, r)
		d.ended <- d.cmd.Wait()
	}()
	select {
	case d.ready = <-lines:
	case <-time.After(30 * time.Second):
	}
	found := readyLine.FindStringSubmatch(d.ready)
	if found == nil {
		_ = d.cmd.Process.Kill()
		t.Fatalf("cumulited said %q\n%s", d.ready, d.log)
	}
	d.url, d.clouds = found[1], found[3]
	return d
}

// stop ends the daemon by a signal and gives what became of it.
func (d *daemon) stop(signal os.Signal) error {
	d.t.Helper()
	require.NoError(d.t, d.cmd.Process.Signal(signal))
	select {
	case err := <-d.ended:
		return err
	case <-time.After(30 * time.Second):
		_ = d.cmd.Process.Kill()
		return errors.New("it did not end in 30 s")
	}
}

// output runs a command to its end, within a minute, and gives what it printed.
func output(t testing.TB, in spawn, env []string, name string, args ...string) (stdout string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Env = append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + t.TempDir(), "LC_ALL=C.UTF-8"}, env...)
	var out, errOut bytes.Buffer
	c.Stdout, c.Stderr = &out, &errOut
	if err := in(c); err != nil {
		return "", err
	}
	if err := c.Wait(); err != nil {
		return out.String(), &failure{strings.TrimSpace(errOut.String()), err}
	}
	return out.String(), nil
}

// failure is a command's, with what it wrote about it.
type failure struct {
	text string
	err  error
}

func (f *failure) Error() string { return f.err.Error() + ": " + f.text }
func (f *failure) Unwrap() error { return f.err }
