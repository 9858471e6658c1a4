package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cumulited is a running one.
type cumulited struct {
	cmd         *exec.Cmd
	url, clouds string
	first       time.Duration // from exec to the first 200
}

var ready = regexp.MustCompile(`^ready.*: (\S+) after \S+ s, OS_CLIENT_CONFIG_FILE=(\S+)`)

// launch starts a cumulited and measures how long it takes to answer.
func (b *bench) launch(ctx context.Context, args ...string) (*cumulited, error) {
	return b.launchAs(ctx, b.program, nil, args...)
}

func (b *bench) launchAs(ctx context.Context, program string, env []string, args ...string) (*cumulited, error) {
	address, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(args, "--operator") {
		args = append(args, "--operator", "none")
	}
	d := &cumulited{cmd: exec.CommandContext(ctx, program, append([]string{"--listen", address}, args...)...)}
	d.cmd.Cancel = func() error { return d.cmd.Process.Signal(syscall.SIGTERM) }
	d.cmd.Env = append(os.Environ(), env...)
	d.cmd.Stderr = os.Stderr
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	for request(ctx, http.DefaultClient, "GET", "http://"+address+"/identity/v3", "", "") != nil {
		if time.Since(began) > 10*time.Second {
			return nil, d.stop(fmt.Errorf("no answer in 10 s"))
		}
		time.Sleep(200 * time.Microsecond)
	}
	d.first = time.Since(began)
	line, err := bufio.NewReader(out).ReadString('\n')
	found := ready.FindStringSubmatch(line)
	if err != nil || found == nil {
		return nil, d.stop(fmt.Errorf("it said %q: %w", line, err))
	}
	d.url, d.clouds = found[1], found[2]
	return d, nil
}

func freePort(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// stop ends the daemon; it gives err, or else what went wrong.
func (d *cumulited) stop(err error) error {
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	if ended := d.cmd.Wait(); err == nil {
		err = ended
	}
	return err
}

// resident gives the daemon's memory in MB.
func (d *cumulited) resident() (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, is := strings.CutPrefix(line, "VmRSS:"); is {
			kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb / 1000, err
		}
	}
	return 0, fmt.Errorf("no VmRSS")
}

// start measures how long a cumulited takes to be there, and how much memory.
func (b *bench) start(ctx context.Context) error {
	cases := []struct {
		what string
		args func(run int) []string
	}{
		{"--ephemeral: exec to the first 200", func(int) []string { return []string{"--ephemeral"} }},
		{"durable, new: exec to the first 200", func(n int) []string { return []string{"--state-dir", fmt.Sprintf("%s/new%d", b.dir, n)} }},
		{"durable, again: exec to the first 200", func(int) []string { return []string{"--state-dir", b.dir + "/new0"} }},
	}
	for _, c := range cases {
		var all []time.Duration
		for n := range b.runs {
			d, err := b.launch(ctx, c.args(n)...)
			if err != nil {
				return err
			}
			all = append(all, d.first)
			if err := d.stop(nil); err != nil {
				return err
			}
		}
		report(c.what, "%s", milliseconds(all))
	}
	d, err := b.launch(ctx, "--ephemeral")
	if err != nil {
		return err
	}
	time.Sleep(2 * time.Second)
	mb, err := d.resident()
	report("resident when idle", "%.1f MB", mb)
	return d.stop(err)
}
