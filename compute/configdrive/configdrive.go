// Package configdrive writes config drives: ISO 9660 volumes labelled
// "config-2" that carry a guest's metadata by path. Names keep their letters,
// dots, dashes and case, both in the primary tree and in the Joliet tree that
// Linux and Windows read. The same files give the same bytes.
//
// It follows ECMA-119 and the Joliet specification, as far as a tree of a few
// small files needs them.
package configdrive

import (
	"bytes"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// Label is the volume's name, by which a guest finds its config drive.
const Label = "config-2"

const (
	sector    = 2048
	maxName   = 62  // of the 64 UCS-2 characters of Joliet, two are the version ";1"
	maxDepth  = 8   // of directories, ECMA-119 6.8.2.1
	firstFree = 19  // after the system area, two descriptors and their end
	padding   = 150 // empty sectors at the end, as mkisofs makes them: readers look ahead
)

// node is a file or a directory.
type node struct {
	name     string
	content  []byte
	children []*node // of a directory, by name
	parent   *node   // of the root: itself
	dir      bool
	number   int    // of a directory: its place in the path tables, from 1
	at       [2]int // first sector in the primary and in the Joliet tree
}

// Write writes the volume that has files, content by path ("openstack/latest/user_data").
func Write(w io.Writer, files map[string][]byte) error {
	root, err := tree(files)
	if err != nil {
		return err
	}
	v := layOut(root)
	return v.write(w)
}

func tree(files map[string][]byte) (*node, error) {
	root := &node{dir: true}
	root.parent = root
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names) // so that children are in order
	for _, name := range names {
		if err := root.add(name, files[name]); err != nil {
			return nil, err
		}
	}
	root.sort()
	return root, nil
}

func (n *node) add(name string, content []byte) error {
	parts := strings.Split(name, "/")
	if name == "" || path.Clean("/"+name) != "/"+name || len(parts) > maxDepth {
		return fmt.Errorf("config drive: bad path %q", name)
	}
	for i, part := range parts {
		if len(part) > maxName || strings.ContainsFunc(part, forbidden) {
			return fmt.Errorf("config drive: bad name in path %q", name)
		}
		last := i == len(parts)-1
		child := n.child(part)
		switch {
		case child == nil:
			child = &node{name: part, parent: n, dir: !last}
			n.children = append(n.children, child)
		case last || !child.dir:
			return fmt.Errorf("config drive: %q is both a file and a directory", name)
		}
		if last {
			child.content = content
		}
		n = child
	}
	return nil
}

// forbidden reports what neither tree can carry.
func forbidden(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune(`*:;?\`, r)
}

func (n *node) child(name string) *node {
	i := slices.IndexFunc(n.children, func(c *node) bool { return c.name == name })
	if i < 0 {
		return nil
	}
	return n.children[i]
}

func (n *node) sort() {
	slices.SortFunc(n.children, func(a, b *node) int { return strings.Compare(a.name, b.name) })
	for _, c := range n.children {
		c.sort()
	}
}

// volume is a tree whose every part has its place.
type volume struct {
	dirs   []*node // by level, then parent, then name: the order of path tables
	files  []*node
	tables [2]int // first sector of each tree's L table; its M table follows
	end    int
}

func layOut(root *node) *volume {
	v := &volume{dirs: []*node{root}}
	for i := 0; i < len(v.dirs); i++ {
		v.dirs[i].number = i + 1
		for _, c := range v.dirs[i].children {
			if c.dir {
				v.dirs = append(v.dirs, c)
			} else {
				v.files = append(v.files, c)
			}
		}
	}
	next := firstFree
	take := func(size int) int {
		at := next
		next += (size + sector - 1) / sector
		return at
	}
	for t := range trees {
		size := len(v.pathTable(t, little))
		v.tables[t] = take(size)
		take(size)
		for _, d := range v.dirs {
			d.at[t] = take(len(d.records(t)))
		}
	}
	for _, f := range v.files {
		at := take(len(f.content))
		f.at = [2]int{at, at}
	}
	v.end = next + padding
	return v
}

func (v *volume) write(w io.Writer) error {
	var b bytes.Buffer
	b.Write(make([]byte, 16*sector))
	b.Write(v.descriptor(primary))
	b.Write(v.descriptor(joliet))
	b.Write(padded(append([]byte{255}, "CD001\x01"...)))
	for t := range trees {
		b.Write(padded(v.pathTable(t, little)))
		b.Write(padded(v.pathTable(t, big)))
		for _, d := range v.dirs {
			b.Write(padded(d.records(t)))
		}
	}
	for _, f := range v.files {
		b.Write(padded(f.content))
	}
	b.Write(make([]byte, padding*sector))
	_, err := w.Write(b.Bytes())
	return err
}

func padded(p []byte) []byte {
	return append(p[:len(p):len(p)], make([]byte, (sector-len(p)%sector)%sector)...)
}
