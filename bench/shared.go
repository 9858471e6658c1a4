package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// shared measures creates of two controllers on the PostgreSQL that -database
// names, with two simulated hosts that run in processes of their own.
func (b *bench) shared(ctx context.Context) (err error) {
	if b.database == "" {
		return fmt.Errorf("say with -database which PostgreSQL to use, with an empty database")
	}
	var clouds []*cumulited
	defer func() {
		for _, d := range clouds {
			err = d.stop(err)
		}
	}()
	keys, port := filepath.Join(b.dir, "keys"), 20000+rand.IntN(10000)
	for n := range 2 {
		d, err := b.launchBig(ctx, "--database", b.database, "--keys", keys, "--images", filepath.Join(b.dir, "images"),
			"--state-dir", fmt.Sprintf("%s/controller%d", b.dir, n), "--hypervisor", "none", "--network", "none",
			"--hosts-listen", fmt.Sprintf("127.0.0.%d:%d", n+2, port))
		if err != nil {
			return err
		}
		clouds = append(clouds, d)
	}
	for n := range 2 {
		agent, err := b.agent(ctx, keys, fmt.Sprintf("sim%d", n))
		if err != nil {
			return err
		}
		defer func() {
			_ = agent.Process.Signal(syscall.SIGTERM)
			_ = agent.Wait()
		}()
	}
	time.Sleep(5 * time.Second) // until both controllers know both hosts
	s, err := clouds[0].furnish(ctx)
	if err != nil {
		return err
	}
	return b.load(ctx, clouds, s, false, "create to ACTIVE, two controllers on PostgreSQL")
}

// agent has a simulated host join the cloud with these keys, and runs it.
func (b *bench) agent(ctx context.Context, keys, name string) (*exec.Cmd, error) {
	token, err := exec.CommandContext(ctx, b.program, "host-token", "--state-dir", keys, "--name", name).Output()
	if err != nil {
		return nil, fmt.Errorf("host-token: %w", err)
	}
	program, state := filepath.Join(b.dir, "hostagent"), filepath.Join(b.dir, name)
	if out, err := exec.CommandContext(ctx, program, "join", "--state-dir", state, strings.TrimSpace(string(token))).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("join: %w\n%s", err, out)
	}
	agent := exec.CommandContext(ctx, program, "--state-dir", state, "--hypervisor", "sim", "--network", "sim", "--operator", "none")
	agent.Stderr = os.Stderr
	return agent, agent.Start()
}
