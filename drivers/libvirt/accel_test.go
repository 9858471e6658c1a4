package libvirt

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/test/guest"
	"github.com/cumulite/cumulite/test/need"
)

func probeOptions(t *testing.T, kernel string) Options {
	return Options{
		Accel: Auto, ProbeKernel: kernel, QEMU: need.Program(t, "qemu-system-x86_64"), Logger: slog.New(slog.DiscardHandler),
	}
}

func TestProbedKernelComesToItsFirstProcess(t *testing.T) {
	// Emulation shows that the probe's kernel, console and init do their part:
	// when KVM then fails, it is KVM.
	o := probeOptions(t, guest.Image(t).Kernel)
	require.NoError(t, bootKernel(t.Context(), TCG, o.ProbeKernel, o.QEMU, time.Minute))
}

func TestKernelThatDoesNotBootProvesNothing(t *testing.T) {
	kernel := filepath.Join(t.TempDir(), "kernel")
	require.NoError(t, os.WriteFile(kernel, []byte("no kernel"), 0o600))
	o := probeOptions(t, kernel)
	require.Error(t, bootKernel(t.Context(), TCG, kernel, o.QEMU, probeTime))
}

func TestProbeIsRememberedForThisBootQEMUAndKernel(t *testing.T) {
	o := probeOptions(t, filepath.Join(t.TempDir(), "none"))
	file := filepath.Join(t.TempDir(), "accel.json")
	require.Equal(t, TCG, probe(t.Context(), file, o), "a kernel that is not there comes nowhere")

	var p proof
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &p))
	require.False(t, p.KVM)
	require.NotEmpty(t, p.Boot)

	p.KVM = true // nobody probes again: the remembered answer is believed
	text, err = json.Marshal(p)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, text, 0o600))
	require.Equal(t, KVM, probe(t.Context(), file, o))

	for _, change := range []func(*proof){
		func(p *proof) { p.Boot = "another boot" },
		func(p *proof) { p.QEMU = "another QEMU" },
		func(p *proof) { p.Kernel = "another kernel" },
	} {
		other := p
		change(&other)
		text, err = json.Marshal(other)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(file, text, 0o600))
		require.Equal(t, TCG, probe(t.Context(), file, o))
	}
}

func TestAutoIsWhatAKernelProves(t *testing.T) {
	o := probeOptions(t, guest.Image(t).Kernel)
	want := TCG
	if tryKVM(t.Context(), o.ProbeKernel, o.QEMU) == nil {
		want = KVM
	}
	p := startProbe(t.TempDir(), o)
	defer p.stop()
	got, err := p.wait(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Equal(t, want, p.known())
	t.Logf("this machine: %s", got)
}

func TestInterruptedProbeRemembersNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	file := filepath.Join(t.TempDir(), "accel.json")
	require.Equal(t, TCG, probe(ctx, file, probeOptions(t, "/none")))
	require.NoFileExists(t, file)
}

func TestGivenAcceleratorIsNotProbed(t *testing.T) {
	for _, accel := range []Accel{KVM, TCG} {
		p := startProbe(t.TempDir(), Options{Accel: accel})
		require.Equal(t, accel, p.known())
		p.stop()
	}
}

func TestNewestKernel(t *testing.T) {
	dir := t.TempDir()
	require.Empty(t, newestKernel(dir))
	for _, name := range []string{"vmlinuz-6.1", "vmlinuz-6.9", "initrd.img-7"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	old := filepath.Join(dir, "vmlinuz-6.9")
	info, err := os.Stat(old)
	require.NoError(t, err)
	require.NoError(t, os.Chtimes(old, info.ModTime().AddDate(0, 0, -1), info.ModTime().AddDate(0, 0, -1)))
	require.Equal(t, filepath.Join(dir, "vmlinuz-6.1"), newestKernel(dir))
}
