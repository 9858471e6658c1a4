package inspect_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/image/inspect"
)

func TestAcceptsVMDKsOfOtherWriters(t *testing.T) {
	cases := map[string]string{
		"Windows lines": strings.ReplaceAll(vmdkText("monolithicSparse", `RW 2048 SPARSE "disk.vmdk"`), "\n", "\r\n"),
		"VirtualBox": "# Disk DescriptorFile\nversion=1\nCID=00000001\nparentCID=ffffffff\n" +
			"createType=\"monolithicSparse\"\n\n# Extent description\nRW 2048 SPARSE \"a disk (1).vmdk\"\n\n" +
			"# The disk Data Base \n#DDB\n\nddb.virtualHWVersion = \"4\"\nddb.uuid.image=\"6b4e6a2e-0a6a-4c52\"\nddb.uuid.parent=\"00000000-0000\"\n",
		"VMware": "# Disk DescriptorFile\nversion=3\nencoding=\"UTF-8\"\nCID=fffffffe\nparentCID=ffffffff\nisNativeSnapshot=\"no\"\n" +
			"createType=\"monolithicSparse\"\n\n# Extent description\nRDONLY 2048 SPARSE \"generated-stream.vmdk\"\n\n" +
			"ddb.longContentID = \"0123\"\nddb.toolsInstallType = \"4\"\nddb.encoding = \"UTF-8\"\n",
	}
	for name, text := range cases {
		v := newVMDK()
		v.descriptor = text
		report, err := inspectAllWays(t, v.bytes(), inspect.VMDK)
		require.NoError(t, err, name)
		require.EqualValues(t, mib, report.VirtualSize)
	}
}

func TestRefusesVMDKDescriptorsThatReachOutside(t *testing.T) {
	const good = `RW 2048 SPARSE "disk.vmdk"`
	extent := func(reason, name string) [2]string {
		return [2]string{reason, vmdkText("monolithicSparse", `RW 2048 SPARSE "`+name+`"`)}
	}
	line := func(reason, line string) [2]string {
		return [2]string{reason, vmdkText("monolithicSparse", good, line)}
	}
	cases := [][2]string{
		extent(`has a descriptor with an extent in another file: "../disk.vmdk"`, "../disk.vmdk"),
		extent(`has a descriptor with an extent in another file: "c:\\disk.vmdk"`, `C:\disk.vmdk`),
		extent(`has a descriptor with an extent in another file: "nbd:host"`, "nbd:host"),
		extent(`has a descriptor with an extent in another file: ".."`, ".."),
		extent(`has a descriptor with an extent in another file: ""`, ""),
		extent(`has a descriptor with an extent in another file: "`+"/"+strings.Repeat("a", 59)+`"`, "/"+strings.Repeat("a", 200)),
		line("has a descriptor with 2 extents, where one is allowed", good),
		line(`has a descriptor with an unsupported line: "parentfilenamehint=\"/etc/passwd\""`, `parentFileNameHint="/etc/passwd"`),
		line(`has a descriptor with an unsupported line: "changetrackpath=\"disk-ctk.vmdk\""`, `changeTrackPath="disk-ctk.vmdk"`),
		line("has a descriptor with a value in a comment", `# parentFileNameHint="/etc/passwd"`),
		line("has a descriptor without exactly one type", `# createType="vmfs"`),
		line("has a descriptor without exactly one type", `parentCID=12345678`),
		line(`has a descriptor that names another file: "ddb.nativeparenthint"`, `ddb.nativeParentHint = "disk.vmdk"`),
		line(`has a descriptor that names another file: "ddb.sidecars"`, `ddb.sidecars = "disk_1.vmfd"`),
		line(`has a descriptor that names another file: "ddb.comment"`, `ddb.comment = "/etc/passwd"`),
		line("has a descriptor that states version twice", "version=1"),
		line(`has a descriptor with an unsupported line: "hello"`, "hello"),
		line("has a descriptor that is not plain text", "# \xc3\xa4"),
		line("has a descriptor that is not plain text", "# \x1b[2J"),
		{"has a descriptor with 0 extents, where one is allowed", vmdkText("monolithicSparse")},
		{`is of type "vmfs"; only monolithicSparse and streamOptimized are accepted`, vmdkText("vmfs", good)},
		{`is of type "twogbmaxextentsparse"; only monolithicSparse and streamOptimized are accepted`, vmdkText("twoGbMaxExtentSparse", good)},
		{"has a descriptor of type streamoptimized that contradicts its header", vmdkText("streamOptimized", good)},
		{"has a descriptor that states another size than its header", vmdkText("monolithicSparse", `RW 2049 SPARSE "disk.vmdk"`)},
		{"has a descriptor without exactly one type", "version=1\n" + good + "\n"},
		{"has a parent image", strings.Replace(vmdkText("monolithicSparse", good), "parentCID=ffffffff", "parentCID=1ed83eb7", 1)},
	}
	for _, bad := range []string{
		`NOACCESS 2048 SPARSE "disk.vmdk"`, `RW 2048 FLAT "disk.vmdk"`, `RW 2048 ZERO`, `RW 2048 SPARSE "disk.vmdk" 0`,
		`RW 2048 SPARSE "disk.vmdk`, `RW -1 SPARSE "disk.vmdk"`, `RW 2048 2048 SPARSE "disk.vmdk"`, `RW 99999999999999999999 SPARSE "disk.vmdk"`,
	} {
		quoted := strings.ReplaceAll(strings.ToLower(bad), `"`, `\"`)
		cases = append(cases, [2]string{`has a descriptor with an unsupported extent: "` + quoted + `"`, vmdkText("monolithicSparse", bad)})
	}
	for _, c := range cases {
		v := newVMDK()
		v.descriptor = c[1]
		_, err := inspectAllWays(t, v.bytes(), inspect.VMDK)
		requireRefused(t, err, inspect.VMDK, "vmdk image "+c[0])
	}
}

func TestRefusesDamagedVMDK(t *testing.T) {
	u32 := func(off int, value uint32) func(*vmdkImage) {
		return func(v *vmdkImage) { le.PutUint32(v.header[off:], value) }
	}
	u64 := func(off int, value uint64) func(*vmdkImage) {
		return func(v *vmdkImage) { le.PutUint64(v.header[off:], value) }
	}
	const (
		grain  = "has an invalid grain size"
		second = "has no descriptor in its second sector"
		zeros  = "has a descriptor that is not padded with zeros"
	)
	cases := []struct {
		reason string
		bend   func(v *vmdkImage)
	}{
		{"has the unknown version 0", u32(4, 0)},
		{"has the unknown version 4", u32(4, 4)},
		{"was damaged by a transfer as text", func(v *vmdkImage) { v.header[75] = '\n' }},
		{"has an unknown compression", func(v *vmdkImage) { v.header[77] = 2 }},
		{"has an impossible virtual size", u64(12, 0)},
		{"has an impossible virtual size", u64(12, 1<<48)},
		{grain, u64(20, 0)},
		{grain, u64(20, 3)},
		{grain, u64(20, 1<<22)},
		{grain, u32(44, 0)},
		{grain, u32(44, 513)},
		{second, u64(28, 0)},
		{second, u64(28, 2)},
		{second, u64(28, 1<<63)},
		{second, u64(36, 0)},
		{"has a descriptor that is too long", u64(36, 640)},
		{"has a descriptor that is too long", u64(36, 1<<63)},
		{"is cut off in its descriptor", u64(36, 200)},
		{zeros, func(v *vmdkImage) { v.descriptor += "\x00# more" }},
		{zeros, func(v *vmdkImage) { v.descriptor += strings.Repeat("#", 20*512) }},
		{"has its grain directory outside the file", u64(56, 0)},
		{"has its grain directory outside the file", u64(56, 128)},
		{"has its grain directory outside the file", u64(56, 1<<55)},
		{"has its grain directory outside the file", u32(8, 3)},
		{"has no footer", u64(56, 1<<64-1)},
	}
	for _, c := range cases {
		v := newVMDK()
		c.bend(v)
		_, err := inspectAllWays(t, v.bytes(), inspect.VMDK)
		requireRefused(t, err, inspect.VMDK, "vmdk image "+c.reason)
	}
}

// The footer of a stream replaces the header, so whatever it may change would
// escape the checks of the header.
func TestRefusesVMDKFooterThatContradictsTheHeader(t *testing.T) {
	cases := []struct {
		reason string
		bend   func(footer []byte)
	}{
		{"has a footer that contradicts its header", func(f []byte) { le.PutUint64(f[12:], 1<<40) }},
		{"has a footer that contradicts its header", func(f []byte) { le.PutUint64(f[12:], 0) }},
		{"has a footer that contradicts its header", func(f []byte) { le.PutUint64(f[28:], 30) }},
		{"has a footer that contradicts its header", func(f []byte) { f[0] = 'X' }},
		{"has a footer that contradicts its header", func(f []byte) { f[77] = 0 }},
		{"has its grain directory outside the file", func(f []byte) { le.PutUint64(f[56:], 1<<64-1) }},
		{"has its grain directory outside the file", func(f []byte) { le.PutUint64(f[56:], 128) }},
	}
	for _, c := range cases {
		v := newStreamVMDK()
		c.bend(v.footer)
		_, err := inspectAllWays(t, v.bytes(), inspect.VMDK)
		requireRefused(t, err, inspect.VMDK, "vmdk image "+c.reason)
	}
	v := newStreamVMDK()
	v.footer = nil
	_, err := inspectAllWays(t, v.bytes(), inspect.VMDK)
	requireRefused(t, err, inspect.VMDK, "vmdk image has no footer")
}
