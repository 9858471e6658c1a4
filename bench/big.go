package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cumulite/cumulite/cloud"
	"github.com/cumulite/cumulite/cloud/daemon"
	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/drivers/sim/simcompute"
	"github.com/cumulite/cumulite/network"
)

// asCloud in the environment makes this program a cumulited whose one host has
// room for any number of simulated servers. Its value is the file for a CPU
// profile, if it is one.
const asCloud = "BENCH_CLOUD"

// launchBig starts this program as a cumulited with a very large host.
func (b *bench) launchBig(ctx context.Context, args ...string) (*cumulited, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	value := "-"
	if b.profile != "" {
		value = b.profile
	}
	return b.launchAs(ctx, self, []string{asCloud + "=" + value}, args...)
}

func serve(args []string) int {
	if file := os.Getenv(asCloud); file != "-" {
		go profile(file)
	}
	return daemon.Main(args, daemon.Drivers{
		Hypervisors: map[string]daemon.NewHypervisor{"sim": bigHypervisor},
		Networks: map[string]daemon.NewNetwork{"sim": func(c daemon.Config, deps cloud.HostDeps) (network.Driver, error) {
			return cloud.SimulatedNetwork(c.Host, deps), nil
		}},
	})
}

func bigHypervisor(c daemon.Config, deps cloud.HostDeps) (compute.Hypervisor, error) {
	state, err := simcompute.OpenState(filepath.Join(deps.Dir, "simulated", c.Host))
	return simcompute.New(state, &simcompute.Options{
		Name: c.Host, VCPUs: 1 << 22, MemoryMiB: 1 << 32, DiskGiB: 1 << 24, Clock: deps.Clock, Images: deps.Images}), err
}

// profile writes what the processors do between two SIGUSR1.
func profile(path string) {
	toggled := make(chan os.Signal, 1)
	signal.Notify(toggled, syscall.SIGUSR1)
	<-toggled
	f, err := os.Create(path)
	if err == nil {
		err = pprof.StartCPUProfile(f)
	}
	if err != nil {
		log.Print(err)
		return
	}
	<-toggled
	pprof.StopCPUProfile()
	_ = f.Close()
}

// toggleProfile begins or ends the CPU profile of a cloud.
func (b *bench) toggleProfile(d *cumulited) {
	if b.profile != "" {
		_ = d.cmd.Process.Signal(syscall.SIGUSR1)
	}
}

// cpu gives the processor time that a process has used.
func cpu(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(text), ") ") // the name may have spaces
	fields := strings.Fields(after)
	user, err := strconv.ParseInt(fields[11], 10, 64)
	system, failed := strconv.ParseInt(fields[12], 10, 64)
	const tick = 10 * time.Millisecond
	return time.Duration(user+system) * tick, errors.Join(err, failed)
}
