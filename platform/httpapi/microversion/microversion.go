// Package microversion is the versions of an API and their negotiation by
// the headers of a request.
package microversion

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/cumulite/cumulite/platform/errs"
)

// Version is a microversion, "2.79". The zero Version stands for none: an API
// without microversions, or an open end of a range.
type Version struct{ Major, Minor int }

// Parse reads "2.79": two numbers without leading zeros.
func Parse(s string) (Version, error) {
	major, minor, ok := strings.Cut(s, ".")
	v := Version{number(major), number(minor)}
	if !ok || v.Major < 1 || v.Minor < 0 || v.String() != s {
		return Version{}, fmt.Errorf("microversion: %q is not a version", s)
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

// V is Parse for constants in code: what is not a version panics.
func V(s string) Version {
	v, err := Parse(s)
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

// Header is the header that all services share, in Go's spelling.
const Header = "Openstack-Api-Version"

// Set says which versions an API speaks and in which headers.
type Set struct {
	Min, Max     Version
	Type         string // "compute", in OpenStack-API-Version: compute 2.79
	LegacyHeader string // "X-OpenStack-Nova-API-Version", "" without one
}

// Negotiate finds the version that a request asks for and says in the
// response's headers which it is. Without a header it is the lowest.
func (s *Set) Negotiate(request, response http.Header) (Version, error) {
	response.Add("Vary", Header)
	if s.LegacyHeader != "" {
		response.Add("Vary", s.LegacyHeader)
	}
	v, err := s.parse(s.asked(request))
	if err != nil {
		return v, err
	}
	response.Set(Header, s.Type+" "+v.String())
	if s.LegacyHeader != "" {
		response.Set(s.LegacyHeader, v.String())
	}
	if !v.In(s.Min, s.Max) {
		return v, errs.New(errs.NotAcceptable,
			"Version %s is not supported by the API. Minimum is %s and maximum is %s.", v, s.Min, s.Max)
	}
	return v, nil
}

// asked gives the text after the service's type in the common header, which
// may name several services, else that of the service's own header.
func (s *Set) asked(h http.Header) string {
	for _, line := range h.Values(Header) {
		for part := range strings.SplitSeq(line, ",") {
			typ, version, _ := strings.Cut(strings.TrimSpace(part), " ")
			if strings.EqualFold(typ, s.Type) {
				return strings.TrimSpace(version)
			}
		}
	}
	if s.LegacyHeader == "" {
		return ""
	}
	return strings.TrimSpace(h.Get(s.LegacyHeader))
}

func (s *Set) parse(text string) (Version, error) {
	switch text {
	case "":
		return s.Min, nil
	case "latest":
		return s.Max, nil
	}
	v, err := Parse(text)
	if err != nil {
		return v, errs.Invalidf("API Version String %.64s is of invalid format. Must be of format MajorNum.MinorNum.", text)
	}
	return v, nil
}

// Range writes a range of microversions as the originals' OpenAPI documents
// do; nil when both ends are open.
func Range(since, until Version) map[string]any {
	r := map[string]any{}
	if !since.IsZero() {
		r["min-ver"] = since.String()
	}
	if !until.IsZero() {
		r["max-ver"] = until.String()
	}
	if len(r) == 0 {
		return nil
	}
	return r
}
