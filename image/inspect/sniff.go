package inspect

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// signature is a constant at a fixed place that marks a format.
type signature struct {
	format Format
	off    int
	magic  string
}

// volumeDescriptor is where the first volume descriptor of an ISO 9660 or
// UDF volume begins: sixteen sectors of 2 KiB are left to the system.
const volumeDescriptor = 32 << 10

// signatures are those at an image's beginning. They are deliberately short:
// whatever some tool might take for a format must be found here.
var signatures = []signature{
	{QCOW, 0, "QFI\xfb\x00\x00\x00\x01"},
	{QED, 0, "QED\x00"},
	{VMDK, 0, vmdkSparse},
	{VMDK, 0, vmdkCOWD},
	{VMDK, 0, vmdkSESparse},
	{VHD, 0, vhdCookie},
	{VHDX, 0, vhdxSignature},
	{VDI, vdiMagicOffset, vdiMagic},
	{LUKS, 0, "LUKS\xba\xbe"},
	{Ploop, 0, "WithoutFreeSpace"},
	{Ploop, 0, "WithouFreSpacExt"},
	{Bochs, 0, "Bochs Virtual HD Image"},
	{Cloop, 0, "#!/bin/sh\n#V2.0 Format\nmodprobe cloop"},
	{ISO, volumeDescriptor + 1, isoIdentifier},
	{UDF, volumeDescriptor + 1, "BEA01"},
	{UDF, volumeDescriptor + 1, "NSR02"},
	{UDF, volumeDescriptor + 1, "NSR03"},
}

// sniffHead returns the formats whose marks are at the image's beginning.
func sniffHead(head []byte) []Format {
	var found []Format
	for _, s := range signatures {
		if hasAt(head, s.off, s.magic) {
			found = append(found, s.format)
		}
	}
	if hasAt(head, 0, qcow2Magic) && !slices.Contains(found, QCOW) {
		found = append(found, QCOW2)
	}
	if isTextDescriptor(head) {
		found = append(found, VMDK)
	}
	return found
}

// sniffTail returns the formats whose marks are at the image's end: a fixed
// VHD has its only mark there, in a last sector that early tools wrote one
// byte short.
func sniffTail(tail []byte) []Format {
	n := len(tail)
	if hasAt(tail, n-sector, vhdCookie) || hasAt(tail, n-sector+1, vhdCookie) {
		return []Format{VHD}
	}
	return nil
}

// contradiction returns a *Refused when a format other than the declared one
// was found.
func contradiction(declared Format, found []Format) error {
	var others []string
	for _, f := range found {
		if f != declared && !slices.Contains(others, string(f)) {
			others = append(others, string(f))
		}
	}
	if len(others) == 0 {
		return nil
	}
	also := ""
	if slices.Contains(found, declared) {
		also = "also "
	}
	reason := fmt.Sprintf("image is declared %s but its content is %s%s", declared, also, strings.Join(others, " and "))
	return &Refused{Format: declared, Reason: reason}
}

func hasAt(b []byte, off int, magic string) bool {
	return off >= 0 && off <= len(b) && bytes.HasPrefix(b[off:], []byte(magic))
}
