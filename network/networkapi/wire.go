package networkapi

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/policy"
)

// timeFormat is how Neutron writes times, all of them UTC.
const timeFormat = "2006-01-02T15:04:05Z"

// standard is what the answers of all resources have.
type standard struct {
	ID          string   `json:"id"`
	ProjectID   string   `json:"project_id"`
	TenantID    string   `json:"tenant_id"`
	Description string   `json:"description"`
	Revision    int64    `json:"revision_number"`
	Tags        []string `json:"tags"`
	CreatedAt   string   `json:"created_at"`
	UpdatedAt   string   `json:"updated_at"`
}

func showStandard(r *network.Standard) standard {
	return standard{ID: r.ID, ProjectID: r.ProjectID, TenantID: r.ProjectID, Description: r.Description, Revision: r.Version,
		Tags: r.Tags, CreatedAt: r.CreatedAt.UTC().Format(timeFormat), UpdatedAt: r.UpdatedAt.UTC().Format(timeFormat)}
}

// given are the attributes that no request may set.
type given struct {
	ID        any `json:"id" api:"readonly"`
	Status    any `json:"status" api:"readonly"`
	Revision  any `json:"revision_number" api:"readonly"`
	Tags      any `json:"tags" api:"readonly"`
	CreatedAt any `json:"created_at" api:"readonly"`
	UpdatedAt any `json:"updated_at" api:"readonly"`
}

// owner is the project of a new resource, by its new name or its old.
type owner struct {
	Project string `json:"project_id" api:"max=255"`
	Tenant  string `json:"tenant_id" api:"max=255"`
}

func (o owner) projectID() (string, error) {
	switch {
	case o.Tenant == "":
		return o.Project, nil
	case o.Project != "" && o.Project != o.Tenant:
		return "", errs.Invalidf("'project_id' and 'tenant_id' do not match")
	}
	return o.Tenant, nil
}

// kept is the project of a resource that is there.
type kept struct {
	Project any `json:"project_id" api:"readonly"`
	Tenant  any `json:"tenant_id" api:"readonly"`
}

// boolean is taken as Neutron takes it: true, "True", "1", 1.
type boolean bool

// JSONSchema implements wire.Schemer.
func (boolean) JSONSchema() map[string]any {
	return map[string]any{"type": []any{"boolean", "string", "integer"}, "pattern": "^(?i:true|false|0|1)$", "minimum": 0, "maximum": 1}
}

// UnmarshalJSON reads what the schema lets through.
func (b *boolean) UnmarshalJSON(text []byte) error {
	s := strings.ToLower(strings.Trim(string(text), `"`))
	*b = s == "true" || s == "1"
	return nil
}

// integer is a number, or text that is one.
type integer int

// JSONSchema implements wire.Schemer.
func (integer) JSONSchema() map[string]any {
	return map[string]any{"type": []any{"integer", "string"}, "pattern": "^-?[0-9]{1,10}$", "minimum": -1 << 31, "maximum": 1<<32 - 1}
}

// UnmarshalJSON reads what the schema lets through.
func (n *integer) UnmarshalJSON(text []byte) error {
	_, err := fmt.Sscan(strings.Trim(string(text), `"`), (*int)(n))
	return err
}

// reader reads addresses out of a body; it remembers the first that is none.
type reader struct{ err error }

// invalid remembers that an attribute's value is no such thing, in Neutron's words.
func (r *reader) invalid(attribute, thing, value string) {
	if r.err == nil {
		r.err = errs.Invalidf("Invalid input for %s. Reason: '%.255s' is not a valid %s.", attribute, value, thing)
	}
}

// address reads an address; "" is the one that is not valid.
func (r *reader) address(attribute, text string) netip.Addr {
	if text == "" {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		r.invalid(attribute, "IP address", text)
	}
	return a
}

func (r *reader) addresses(attribute string, texts []string) []netip.Addr {
	out := make([]netip.Addr, len(texts))
	for i, text := range texts {
		if out[i] = r.address(attribute, text); text == "" {
			r.invalid(attribute, "IP address", text)
		}
	}
	return out
}

func (r *reader) prefix(attribute, text string) netip.Prefix {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		r.invalid(attribute, "IP subnet", text)
	}
	return p
}

// route is a way to a destination, of a subnet's hosts or of a router.
type route struct {
	Destination string `json:"destination" api:"required"`
	NextHop     string `json:"nexthop" api:"required"`
}

func (r *reader) routes(attribute string, in []route) []network.Route {
	out := make([]network.Route, len(in))
	for i, way := range in {
		out[i] = network.Route{Destination: r.prefix(attribute, way.Destination), NextHop: r.address(attribute, way.NextHop)}
		if way.NextHop == "" {
			r.invalid(attribute, "IP address", way.NextHop)
		}
	}
	return out
}

func showRoutes(routes []network.Route) []route {
	return each(routes, func(r network.Route) route { return route{r.Destination.String(), r.NextHop.String()} })
}

// fixedIP asks for an address, a subnet, or both; answers have both.
type fixedIP struct {
	SubnetID  string `json:"subnet_id,omitempty"`
	IPAddress string `json:"ip_address,omitempty"`
}

func (r *reader) fixedIPs(attribute string, in []fixedIP) []network.Address {
	return each(in, func(f fixedIP) network.Address {
		return network.Address{SubnetID: f.SubnetID, IP: r.address(attribute, f.IPAddress)}
	})
}

func showFixedIPs(all []network.Address) []fixedIP {
	return each(all, func(a network.Address) fixedIP { return fixedIP{a.SubnetID, a.IP.String()} })
}

func each[A, B any](in []A, f func(A) B) []B {
	out := make([]B, len(in))
	for i, a := range in {
		out[i] = f(a)
	}
	return out
}

// ref gives nil for what is empty, which Neutron shows as null.
func ref(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// addressRef gives nil for an address that is none.
func addressRef(a netip.Addr) *string {
	if !a.IsValid() {
		return nil
	}
	return ref(a.String())
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func pointer[T any](v T) *T { return &v }

// optional gives a field of an answer that this caller is shown.
func optional[T any](v T) httpapi.Optional[T] { return httpapi.Optional[T]{Set: true, Value: v} }

// mayOwn tells whether the caller may do an action on what its project has.
func (h handler) mayOwn(ctx context.Context, action policy.Action) bool {
	return h.networks.Allows(ctx, action, auth.From(ctx).ProjectID())
}
