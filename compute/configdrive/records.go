package configdrive

import (
	"encoding/binary"
	"unicode/utf16"
)

// The two trees over the same files.
const (
	primary = 0
	joliet  = 1
	trees   = 2
)

var (
	little = binary.LittleEndian
	big    = binary.BigEndian
)

// date is that of every file: the volume depends on its content alone.
var date = []byte{100, 1, 1, 0, 0, 0, 0} // 2000-01-01 00:00:00 UTC

const longDate = "2000010100000000\x00"

const noDate = "0000000000000000\x00"

// both is a number in both byte orders, as ECMA-119 likes it.
func both32(v int) []byte {
	return big.AppendUint32(little.AppendUint32(nil, uint32(v)), uint32(v))
}

func both16(v int) []byte {
	return big.AppendUint16(little.AppendUint16(nil, uint16(v)), uint16(v))
}

// text is s as tree t writes it.
func text(t int, s string) []byte {
	if t == primary {
		return []byte(s)
	}
	var out []byte
	for _, u := range utf16.Encode([]rune(s)) {
		out = big.AppendUint16(out, u)
	}
	return out
}

// field is s in a field of n bytes, filled with blanks.
func field(t int, s string, n int) []byte {
	out := text(t, s)
	for len(out) < n {
		out = append(out, text(t, " ")...)
	}
	return out[:n]
}

// descriptor is the volume descriptor of tree t, ECMA-119 8.4 and 8.5.
func (v *volume) descriptor(t int) []byte {
	table := len(v.pathTable(t, little))
	second := v.tables[t] + (table+sector-1)/sector
	d := []byte{[]byte{1, 2}[t]}
	d = append(d, "CD001\x01\x00"...)
	d = append(d, field(t, "", 32)...)
	d = append(d, field(t, Label, 32)...)
	d = append(d, make([]byte, 8)...)
	d = append(d, both32(v.end)...)
	escape := make([]byte, 32)
	if t == joliet {
		copy(escape, "%/E") // UCS-2, level 3
	}
	d = append(d, escape...)
	d = append(d, both16(1)...)
	d = append(d, both16(1)...)
	d = append(d, both16(sector)...)
	d = append(d, both32(table)...)
	d = append(d, little.AppendUint32(nil, uint32(v.tables[t]))...)
	d = append(d, make([]byte, 4)...)
	d = append(d, big.AppendUint32(nil, uint32(second))...)
	d = append(d, make([]byte, 4)...)
	d = append(d, v.dirs[0].record(t, []byte{0})...)
	d = append(d, field(t, "", 4*128+3*37)...)
	d = append(d, longDate+longDate+noDate+noDate...)
	return padded(append(d, 1))
}

// pathTable is the path table of tree t in a byte order, ECMA-119 9.4.
func (v *volume) pathTable(t int, order binary.AppendByteOrder) []byte {
	var p []byte
	for i, d := range v.dirs {
		name := text(t, d.name)
		if i == 0 {
			name = []byte{0}
		}
		p = append(p, byte(len(name)), 0)
		p = order.AppendUint32(p, uint32(d.at[t]))
		p = order.AppendUint16(p, uint16(d.parent.number))
		p = append(p, name...)
		if len(name)%2 == 1 {
			p = append(p, 0)
		}
	}
	return p
}

// records is the content of a directory: itself, its parent, its children.
func (n *node) records(t int) []byte {
	out := n.record(t, []byte{0})
	out = append(out, n.parent.record(t, []byte{1})...)
	for _, c := range n.children {
		name := c.name
		if !c.dir {
			name += ";1"
		}
		r := c.record(t, text(t, name))
		if room := sector - len(out)%sector; room < len(r) { // no record crosses sectors
			out = append(out, make([]byte, room)...)
		}
		out = append(out, r...)
	}
	return padded(out)
}

// record is the directory record of a node under a name, ECMA-119 9.1.
func (n *node) record(t int, name []byte) []byte {
	size, flags := len(n.content), byte(0)
	if n.dir {
		size, flags = n.size(t), 2
	}
	length := 33 + len(name)
	pad := length % 2
	r := []byte{byte(length + pad), 0}
	r = append(r, both32(n.at[t])...)
	r = append(r, both32(size)...)
	r = append(r, date...)
	r = append(r, flags, 0, 0)
	r = append(r, both16(1)...)
	r = append(r, byte(len(name)))
	r = append(r, name...)
	return append(r, make([]byte, pad)...)
}

// size is the length of a directory's content, without making it: a record
// names the sizes of directories that name its own.
func (n *node) size(t int) int {
	size := 2 * 34
	for _, c := range n.children {
		name := len(c.name)
		if !c.dir {
			name += 2
		}
		if t == joliet {
			name *= 2
		}
		length := (33 + name + 1) / 2 * 2
		if room := sector - size%sector; room < length {
			size += room
		}
		size += length
	}
	return (size + sector - 1) / sector * sector
}
