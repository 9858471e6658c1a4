package inspect

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
)

// The values of createType that name no other file.
const (
	monolithicSparse = "monolithicsparse"
	streamOptimized  = "streamoptimized"
)

// descriptorFields are the header fields that may occur. Fields that name
// files (parentFileNameHint, changeTrackPath, …) are not among them.
var descriptorFields = []string{"version", "encoding", "cid", "parentcid", "isnativesnapshot", "createtype"}

// descriptor is what an embedded descriptor says, in lower case.
type descriptor struct {
	createType string
	sectors    uint64 // of its only extent
	fields     map[string]string
	extents    int
}

// parseDescriptor reads an embedded descriptor. Tools read this text with
// little care, some by searching for a word anywhere in it, comments
// included. So every line must be of a known kind, and the words that have
// power may stand once.
func parseDescriptor(text []byte) (descriptor, error) {
	d := descriptor{fields: map[string]string{}}
	for _, c := range text {
		if (c < ' ' || c > '~') && c != '\n' && c != '\r' && c != '\t' {
			return d, refuse(VMDK, "has a descriptor that is not plain text")
		}
	}
	lower := strings.ToLower(string(text))
	if strings.Count(lower, "createtype") != 1 || strings.Count(lower, "parentcid") > 1 {
		return d, refuse(VMDK, "has a descriptor without exactly one type")
	}
	for line := range strings.SplitSeq(lower, "\n") {
		if err := d.line(strings.TrimSpace(line)); err != nil {
			return d, err
		}
	}
	return d, d.complete()
}

// line takes one line in lower case.
func (d *descriptor) line(line string) error {
	key, value, assigns := strings.Cut(line, "=")
	key = strings.TrimSpace(key)
	switch {
	case line == "":
		return nil
	case strings.HasPrefix(line, "#"):
		if assigns {
			return refuse(VMDK, "has a descriptor with a value in a comment")
		}
		return nil
	case isExtent(line):
		return d.extent(line)
	case assigns && strings.HasPrefix(key, "ddb."):
		return diskData(key, value)
	case assigns && slices.Contains(descriptorFields, key):
		return d.field(key, strings.Trim(value, " \t\""))
	}
	return refuse(VMDK, "has a descriptor with an unsupported line: %.60q", line)
}

func (d *descriptor) field(key, value string) error {
	if _, again := d.fields[key]; again {
		return refuse(VMDK, "has a descriptor that states %s twice", key)
	}
	d.fields[key] = value
	return nil
}

// diskData checks an entry of the disk data base. Its values are numbers,
// ids and adapter types; some entries of VMware's name files beside the disk.
func diskData(key, value string) error {
	if strings.HasPrefix(key, "ddb.nativeparent") || strings.HasPrefix(key, "ddb.sidecar") || namesPath(value) {
		return refuse(VMDK, "has a descriptor that names another file: %.60q", key)
	}
	return nil
}

func isExtent(line string) bool {
	access, _, _ := strings.Cut(line, " ")
	return access == "rw" || access == "rdonly" || access == "noaccess"
}

// extent takes an extent line: access, sectors, SPARSE, "name". The name is
// that of the file itself when it was made, so it is one name and no path.
func (d *descriptor) extent(line string) error {
	d.extents++
	before, name, _ := strings.Cut(line, `"`)
	name, after, closed := strings.Cut(name, `"`)
	words := strings.Fields(before)
	if !closed || after != "" || len(words) != 3 || words[0] == "noaccess" || words[2] != "sparse" {
		return refuse(VMDK, "has a descriptor with an unsupported extent: %.60q", line)
	}
	if name == "" || namesPath(name) || strings.Contains(name, "..") || strings.Contains(name, ":") {
		return refuse(VMDK, "has a descriptor with an extent in another file: %.60q", name)
	}
	sectors, err := strconv.ParseUint(words[1], 10, 64)
	if err != nil {
		return refuse(VMDK, "has a descriptor with an unsupported extent: %.60q", line)
	}
	d.sectors = sectors
	return nil
}

// complete judges the descriptor when all lines were taken.
func (d *descriptor) complete() error {
	if d.extents != 1 {
		return refuse(VMDK, "has a descriptor with %d extents, where one is allowed", d.extents)
	}
	if parent, ok := d.fields["parentcid"]; ok && parent != "ffffffff" {
		return refuse(VMDK, "has a parent image")
	}
	d.createType = d.fields["createtype"]
	if d.createType != monolithicSparse && d.createType != streamOptimized {
		return refuse(VMDK, "is of type %.40q; only monolithicSparse and streamOptimized are accepted", d.createType)
	}
	return nil
}

func namesPath(s string) bool { return strings.ContainsAny(s, `/\`) }

// isTextDescriptor says whether a tool might take the image for a VMDK
// descriptor by itself: VMware by its first line, QEMU by a version that
// follows any comments and blank lines.
func isTextDescriptor(head []byte) bool {
	rest := head[:min(len(head), 4*sector)]
	if bytes.HasPrefix(bytes.ToLower(rest), []byte("# disk descriptor")) {
		return true
	}
	for len(rest) > 0 {
		line, next, _ := bytes.Cut(rest, []byte("\n"))
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return bytes.HasPrefix(line, []byte("version="))
		}
		rest = next
	}
	return false
}
