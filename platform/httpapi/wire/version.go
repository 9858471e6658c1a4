// Package wire turns the structs of an API into JSON and back, by their tags:
//
//	json:"name,omitempty"        as in encoding/json
//	since:"2.19" until:"2.36"    the microversions that have the field, both ends included
//	api:"required,min=1,max=255,enum=a|b,format=uuid,pattern=^x$,nullable,readonly,inline"
//
// Encode writes a value as a microversion shows it, Schema says what a
// microversion takes, and Decode fills a struct from a document that was
// checked against it.
package wire

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Version is a microversion, "2.79". The zero Version stands for none: an API
// without microversions, or an open end of a range.
type Version struct{ Major, Minor int }

// ParseVersion reads "2.79": two numbers without leading zeros.
func ParseVersion(s string) (Version, error) {
	major, minor, ok := strings.Cut(s, ".")
	v := Version{number(major), number(minor)}
	if !ok || v.Major < 1 || v.Minor < 0 || v.String() != s {
		return Version{}, fmt.Errorf("wire: %q is not a version", s)
	}
	return v, nil
}

// number gives -1 for what is not a small number.
func number(s string) int {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return -1
	}
	return int(n)
}

// V is ParseVersion for constants in code: what is not a version panics.
func V(s string) Version {
	v, err := ParseVersion(s)
	if err != nil {
		panic(err)
	}
	return v
}

// String gives "2.79".
func (v Version) String() string { return strconv.Itoa(v.Major) + "." + strconv.Itoa(v.Minor) }

// IsZero reports whether v is no version.
func (v Version) IsZero() bool { return v == Version{} }

// Compare gives -1, 0 or 1 as v is before, the same as or after w.
func (v Version) Compare(w Version) int {
	return cmp.Or(cmp.Compare(v.Major, w.Major), cmp.Compare(v.Minor, w.Minor))
}

// AtLeast reports whether v is w or later: how handlers ask for a difference.
func (v Version) AtLeast(w Version) bool { return v.Compare(w) >= 0 }

// In reports whether v lies in the range; a zero end is open.
func (v Version) In(since, until Version) bool {
	return (since.IsZero() || v.Compare(since) >= 0) && (until.IsZero() || v.Compare(until) <= 0)
}
