package libvirt

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/cumulite/cumulite/platform/command"
)

// Accel is how guests' processors run.
type Accel string

// The accelerators. Auto is KVM where it was proven that a kernel comes up
// with it, TCG (emulation) elsewhere: there are machines that offer KVM and
// whose guests die in it.
const (
	Auto Accel = "auto"
	KVM  Accel = "kvm"
	TCG  Accel = "tcg"
)

// probeTime is how long a kernel may take to its first process. Emulated
// kernels take half of that; a KVM that is slower is no gain.
const probeTime = 5 * time.Second

// prober finds out once what Auto is on this host.
type prober struct {
	done   chan struct{}
	cancel context.CancelFunc
	mu     sync.Mutex
	value  Accel // "" until done
}

// proof is what is remembered of a probe, and of what it holds for.
type proof struct {
	Boot   string `json:"boot"` // of the host's kernel
	QEMU   string `json:"qemu"`
	Kernel string `json:"kernel"`
	KVM    bool   `json:"kvm"`
}

// startProbe begins to find out, in the background.
func startProbe(stateDir string, o Options) *prober {
	ctx, cancel := context.WithCancel(context.Background())
	p := &prober{done: make(chan struct{}), cancel: cancel}
	if o.Accel != Auto {
		p.settle(o.Accel)
		return p
	}
	go func() { p.settle(probe(ctx, filepath.Join(stateDir, "accel.json"), o)) }()
	return p
}

func (p *prober) settle(a Accel) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.value = a
	close(p.done)
}

// known gives the accelerator, "" while it is being found out.
func (p *prober) known() Accel {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.value
}

// wait gives the accelerator when it is found out: within probeTime.
func (p *prober) wait(ctx context.Context) (Accel, error) {
	select {
	case <-p.done:
		return p.known(), nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (p *prober) stop() {
	p.cancel()
	<-p.done
}

// probe gives KVM or TCG, from what is remembered or by trying.
func probe(ctx context.Context, remembered string, o Options) Accel {
	now := proof{
		Boot: strings.TrimSpace(readText("/proc/sys/kernel/random/boot_id")), QEMU: identity(o.QEMU),
		Kernel: cmp.Or(o.ProbeKernel, newestKernel("/boot")),
	}
	var before proof
	if json.Unmarshal([]byte(readText(remembered)), &before) == nil {
		now.KVM = before.KVM
		if before == now {
			return accelOf(now.KVM)
		}
	}
	err := tryKVM(ctx, now.Kernel, o.QEMU)
	now.KVM = err == nil
	o.Logger.Info("probed for KVM", slog.Bool("usable", now.KVM), slog.Any("because", err))
	if ctx.Err() != nil {
		return TCG // nothing was learnt
	}
	text, _ := json.Marshal(now) // cannot fail
	if err := os.WriteFile(remembered, text, 0o600); err != nil {
		o.Logger.Warn("cannot remember whether KVM is usable", slog.Any("error", err))
	}
	return accelOf(now.KVM)
}

func accelOf(kvm bool) Accel {
	if kvm {
		return KVM
	}
	return TCG
}

func tryKVM(ctx context.Context, kernel, qemu string) error {
	if _, err := os.Stat("/dev/kvm"); err != nil {
		return err
	}
	if kernel == "" {
		return fmt.Errorf("no kernel to prove it with")
	}
	return bootKernel(ctx, KVM, kernel, qemu, probeTime)
}

// bootKernel boots a kernel to its first process; an error says that it did
// not come there in time.
func bootKernel(ctx context.Context, accel Accel, kernel, qemu string, within time.Duration) error {
	dir, err := os.MkdirTemp("", "cumulite-probe-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	initrd := filepath.Join(dir, "initrd")
	if err := os.WriteFile(initrd, probeInitrd(), 0o600); err != nil {
		return err
	}
	cpu := map[Accel]string{KVM: "host", TCG: "qemu64"}[accel]
	out, err := command.Run(ctx, command.Command{
		Path: qemu,
		Args: []string{
			"-accel", string(accel), "-cpu", cpu, "-m", "128", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
			"-sandbox", "on", "-serial", "stdio", "-kernel", kernel, "-initrd", initrd,
			"-append", "console=ttyS0 quiet panic=-1",
		},
		Limits: command.Limits{Time: within, Output: 64 << 10},
	})
	if bytes.Contains(out, bytes.TrimSpace([]byte(probeMessage))) {
		return nil // whatever came after it
	}
	return fmt.Errorf("a kernel did not come up: %w", cmp.Or(err, fmt.Errorf("it ended before its first process")))
}

// newestKernel gives the kernel in dir that was installed last, "" when there
// is none.
func newestKernel(dir string) string {
	kernels, _ := filepath.Glob(filepath.Join(dir, "vmlinuz-*"))
	newest, when := "", time.Time{}
	for _, path := range kernels {
		if info, err := os.Stat(path); err == nil && info.ModTime().After(when) {
			newest, when = path, info.ModTime()
		}
	}
	return newest
}

// identity tells one version of a program from another.
func identity(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%s %d %d", path, info.Size(), info.ModTime().UnixNano())
}

func readText(path string) string {
	text, _ := os.ReadFile(path)
	return string(text)
}
