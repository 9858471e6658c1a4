package inspect_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/image/inspect"
	"github.com/cumulite/cumulite/test/need"
)

const mib = 1 << 20

// TestAcceptsWhatQEMUMakes holds the inspector against the real tool: what it
// makes is accepted, with the virtual size that the tool itself states.
func TestAcceptsWhatQEMUMakes(t *testing.T) {
	tool := qemuImg(t)
	cases := []struct {
		name, driver, options string
		declared              inspect.Format
	}{
		{"raw", "raw", "", inspect.Raw},
		{"qcow2 version 2", "qcow2", "compat=0.10", inspect.QCOW2},
		{"qcow2 version 3", "qcow2", "compat=1.1", inspect.QCOW2},
		{"qcow2 with zstd", "qcow2", "compression_type=zstd", inspect.QCOW2},
		{"qcow2 with lazy refcounts", "qcow2", "lazy_refcounts=on", inspect.QCOW2},
		{"qcow2 with small clusters", "qcow2", "cluster_size=512", inspect.QCOW2},
		{"qcow2 with large clusters", "qcow2", "cluster_size=2M", inspect.QCOW2},
		{"qcow2 preallocated", "qcow2", "preallocation=full", inspect.QCOW2},
		{"vmdk monolithicSparse", "vmdk", "subformat=monolithicSparse", inspect.VMDK},
		{"vmdk streamOptimized", "vmdk", "subformat=streamOptimized", inspect.VMDK},
		{"vhd dynamic", "vpc", "subformat=dynamic", inspect.VHD},
		{"vhd fixed", "vpc", "subformat=fixed", "vpc"},
		{"vhd dynamic of exact size", "vpc", "subformat=dynamic,force_size=on", inspect.VHD},
		{"vhdx dynamic", "vhdx", "subformat=dynamic", inspect.VHDX},
		{"vhdx fixed", "vhdx", "subformat=fixed", inspect.VHDX},
		{"vdi dynamic", "vdi", "static=off", inspect.VDI},
		{"vdi static", "vdi", "static=on", inspect.VDI},
	}
	for _, size := range []int64{mib, 10 * mib} {
		source := filledDisk(t, size)
		for _, c := range cases {
			t.Run(fmt.Sprintf("%s of %d MiB", c.name, size/mib), func(t *testing.T) {
				empty := filepath.Join(t.TempDir(), "empty.img")
				run(t, tool, options([]string{"create", "-q", "-f", c.driver}, c.options, empty, fmt.Sprint(size))...)
				requireAsQEMU(t, tool, empty, c.driver, c.declared)

				filled := filepath.Join(t.TempDir(), "filled.img")
				run(t, tool, options([]string{"convert", "-q", "-f", "raw", "-O", c.driver}, c.options, source, filled)...)
				requireAsQEMU(t, tool, filled, c.driver, c.declared)
			})
		}
	}
}

// TestAcceptsLargeAndCompressedImagesOfQEMU takes virtual sizes past 32 bits
// and compressed clusters.
func TestAcceptsLargeAndCompressedImagesOfQEMU(t *testing.T) {
	tool := qemuImg(t)
	for driver, declared := range map[string]inspect.Format{
		"qcow2": inspect.QCOW2, "vmdk": inspect.VMDK, "vpc": inspect.VHD, "vhdx": inspect.VHDX, "vdi": inspect.VDI,
	} {
		path := filepath.Join(t.TempDir(), driver)
		run(t, tool, "create", "-q", "-f", driver, path, "1500G")
		requireAsQEMU(t, tool, path, driver, declared)
	}
	path := filepath.Join(t.TempDir(), "compressed")
	run(t, tool, "convert", "-q", "-c", "-f", "raw", "-O", "qcow2", filledDisk(t, 3*mib), path)
	requireAsQEMU(t, tool, path, "qcow2", inspect.QCOW2)
}

// TestRefusesDependentImagesOfQEMU takes the dangerous kinds from the tool
// itself, in case the builders of this package's corpus misread a format.
func TestRefusesDependentImagesOfQEMU(t *testing.T) {
	tool := qemuImg(t)
	t.Chdir(t.TempDir())
	run(t, tool, "create", "-q", "-f", "qcow2", "base.qcow2", "1M")
	run(t, tool, "create", "-q", "-f", "vmdk", "base.vmdk", "1M")
	cases := []struct {
		reason   string
		declared inspect.Format
		args     []string
	}{
		{"qcow2 image has a backing file", inspect.QCOW2, []string{"-f", "qcow2", "-b", "base.qcow2", "-F", "qcow2", "image"}},
		{"qcow2 image has an external data file", inspect.QCOW2, []string{"-f", "qcow2", "-o", "data_file=data,data_file_raw=on", "image", "1M"}},
		{"qcow2 image is encrypted", inspect.QCOW2, []string{"-f", "qcow2", "--object", "secret,id=s,data=x", "-o", "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10", "image", "1M"}},
		{"qcow2 image needs the unsupported feature 4", inspect.QCOW2, []string{"-f", "qcow2", "-o", "extended_l2=on", "image", "1M"}},
		{"vmdk image has a descriptor with an unsupported line: \"parentfilenamehint=\\\"base.vmdk\\\"\"", inspect.VMDK, []string{"-f", "vmdk", "-b", "base.vmdk", "-F", "vmdk", "image"}},
		{"vmdk image is a descriptor that names other files; only monolithicSparse and streamOptimized are accepted", inspect.VMDK, []string{"-f", "vmdk", "-o", "subformat=monolithicFlat", "image", "1M"}},
		{"image is declared raw but its content is vmdk", inspect.Raw, []string{"-f", "vmdk", "-o", "subformat=twoGbMaxExtentSparse", "image", "1M"}},
		{"image is declared raw but its content is luks", inspect.Raw, []string{"-f", "luks", "--object", "secret,id=s,data=x", "-o", "key-secret=s,iter-time=10", "image", "1M"}},
		{"image is declared raw but its content is qed", inspect.Raw, []string{"-f", "qed", "image", "1M"}},
		{"image is declared raw but its content is qcow", inspect.Raw, []string{"-f", "qcow", "image", "1M"}},
		{"image is declared raw but its content is ploop", inspect.Raw, []string{"-f", "parallels", "image", "1M"}},
	}
	for _, c := range cases {
		run(t, tool, append([]string{"create", "-q"}, c.args...)...)
		data, err := os.ReadFile("image")
		require.NoError(t, err)
		_, err = inspectAllWays(t, data, c.declared)
		requireRefused(t, err, c.declared, c.reason)
	}
}

// TestQEMUOpensTheCorpus shows that the builders of this package make images
// that a real tool opens, so that a mutation of them tests what it says.
func TestQEMUOpensTheCorpus(t *testing.T) {
	tool := qemuImg(t)
	for _, c := range []struct {
		driver   string
		declared inspect.Format
		data     []byte
	}{
		{"qcow2", inspect.QCOW2, newQCOW2().bytes()},
		{"vmdk", inspect.VMDK, newVMDK().bytes()},
		{"vmdk", inspect.VMDK, newStreamVMDK().bytes()},
		{"vpc", inspect.VHD, newDynamicVHD().bytes()},
		{"vpc", inspect.VHD, fixedVHD(make([]byte, mib))},
		{"vdi", inspect.VDI, newVDI()},
		{"vhdx", inspect.VHDX, newVHDX().bytes()},
	} {
		path := filepath.Join(t.TempDir(), c.driver)
		require.NoError(t, os.WriteFile(path, c.data, 0o600))
		requireAsQEMU(t, tool, path, c.driver, c.declared)
	}
}

func requireAsQEMU(t *testing.T, tool, path, driver string, declared inspect.Format) {
	t.Helper()
	var info struct {
		VirtualSize int64 `json:"virtual-size"`
	}
	require.NoError(t, json.Unmarshal(run(t, tool, "info", "-f", driver, "--output=json", path), &info))
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	stat, err := file.Stat()
	require.NoError(t, err)
	report, err := inspect.Inspect(file, stat.Size(), declared)
	require.NoError(t, err)
	require.Equal(t, info.VirtualSize, report.VirtualSize)
}

// filledDisk is a raw disk of random content behind a boot sector.
func filledDisk(t *testing.T, size int64) string {
	data := randomBytes(t, int(size))
	copy(data, bootSector())
	path := filepath.Join(t.TempDir(), "disk.raw")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path
}

func options(args []string, o string, rest ...string) []string {
	if o != "" {
		args = append(args, "-o", o)
	}
	return append(args, rest...)
}

func qemuImg(t *testing.T) string { return need.Program(t, "qemu-img") }

func run(t *testing.T, tool string, args ...string) []byte {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), tool, args...).CombinedOutput()
	for tries := 0; err != nil && strings.Contains(string(out), "accurate CPU usage") && tries < 50; tries++ {
		// Before it encrypts, qemu-img measures the processor, and gives up when others use it, too.
		out, err = exec.CommandContext(t.Context(), tool, args...).CombinedOutput()
	}
	require.NoError(t, err, "%v: %s", args, out)
	return out
}
