package httpapi

import (
	"net/http"
	"strings"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi/wire"
)

const versionHeader = "Openstack-Api-Version"

// negotiate finds the microversion that the caller asks for and says in the
// response which it is. Without a header it is the lowest.
func (x *exchange) negotiate(h http.Header) (Version, error) {
	m := x.api.cfg.Versions
	if m == nil {
		return Version{}, nil
	}
	x.Header().Add("Vary", versionHeader)
	if m.LegacyHeader != "" {
		x.Header().Add("Vary", m.LegacyHeader)
	}
	v, err := m.parse(m.asked(h))
	if err != nil {
		return v, err
	}
	x.Header().Set(versionHeader, m.Type+" "+v.String())
	if m.LegacyHeader != "" {
		x.Header().Set(m.LegacyHeader, v.String())
	}
	if !v.In(m.Min, m.Max) {
		return v, errs.New(errs.NotAcceptable,
			"Version %s is not supported by the API. Minimum is %s and maximum is %s.", v, m.Min, m.Max)
	}
	return v, nil
}

// asked gives the text after the service's type in the common header, which
// may name several services, else that of the service's own header.
func (m *Microversions) asked(h http.Header) string {
	for _, line := range h.Values(versionHeader) {
		for part := range strings.SplitSeq(line, ",") {
			typ, version, _ := strings.Cut(strings.TrimSpace(part), " ")
			if strings.EqualFold(typ, m.Type) {
				return strings.TrimSpace(version)
			}
		}
	}
	if m.LegacyHeader == "" {
		return ""
	}
	return strings.TrimSpace(h.Get(m.LegacyHeader))
}

func (m *Microversions) parse(s string) (Version, error) {
	switch s {
	case "":
		return m.Min, nil
	case "latest":
		return m.Max, nil
	}
	v, err := wire.ParseVersion(s)
	if err != nil {
		return v, errs.Invalidf("API Version String %s is of invalid format. Must be of format MajorNum.MinorNum.", cut(s))
	}
	return v, nil
}
