package computeapi

import (
	"encoding/json"

	"github.com/google/uuid"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
)

// oldNetwork asks for an interface in the microversions before 2.37.
type oldNetwork struct {
	UUID    string  `json:"uuid"`
	Port    *string `json:"port" api:"nullable,format=uuid"`
	FixedIP string  `json:"fixed_ip"`
	Tag     *tag    `json:"tag" since:"2.32"`
}

// newNetwork asks for one since.
type newNetwork struct {
	UUID    string  `json:"uuid"`
	Port    *string `json:"port"`
	FixedIP string  `json:"fixed_ip"`
	Tag     *tag    `json:"tag"`
}

// networkChoice is a list of networks and ports, "auto" or "none".
type networkChoice struct {
	word string
	list []newNetwork
}

// JSONSchema says what is taken.
func (networkChoice) JSONSchema() map[string]any {
	id := map[string]any{"type": "string", "format": "uuid"}
	item := map[string]any{"type": "object", "additionalProperties": false, "properties": map[string]any{
		"uuid": id, "port": map[string]any{"type": []any{"string", "null"}, "format": "uuid"}, "tag": tag("").JSONSchema(),
		"fixed_ip": map[string]any{"type": "string", "anyOf": []any{map[string]any{"format": "ipv4"}, map[string]any{"format": "ipv6"}}}}}
	return map[string]any{"oneOf": []any{map[string]any{"type": "array", "items": item}, map[string]any{"type": "string", "enum": []any{"none", "auto"}}}}
}

// UnmarshalJSON reads a word or a list.
func (c *networkChoice) UnmarshalJSON(b []byte) error {
	if b[0] == '"' {
		return json.Unmarshal(b, &c.word)
	}
	return json.Unmarshal(b, &c.list)
}

func (c *networkChoice) domain(r *httpapi.Request) (compute.RequestedNetworks, error) {
	if c.word != "" {
		return compute.RequestedNetworks{Mode: compute.NetworkMode(c.word)}, nil
	}
	for _, n := range c.list {
		if n.Tag != nil && !r.Version.AtLeast(httpapi.V("2.42")) {
			return compute.RequestedNetworks{}, errs.Invalidf("Invalid input for field/attribute networks. Value: ***. Additional properties are not allowed ('tag' was unexpected)")
		}
	}
	return requestedNetworks(c.list)
}

// oldNetworks reads networks that may be left out.
func oldNetworks(in *[]oldNetwork) (compute.RequestedNetworks, error) {
	if in == nil {
		return compute.RequestedNetworks{}, nil
	}
	list := make([]newNetwork, len(*in))
	for n, o := range *in {
		list[n] = newNetwork(o)
	}
	return requestedNetworks(list)
}

// requestedNetworks checks a list of networks and ports; an empty one leaves
// the choice to the cloud.
func requestedNetworks(in []newNetwork) (out compute.RequestedNetworks, err error) {
	ports := map[string]bool{}
	for _, n := range in {
		port := deref(n.Port)
		switch {
		case port != "" && ports[port]:
			return out, errs.Invalidf("Port ID '%s' was specified twice: you cannot attach a port multiple times.", port)
		case port != "" && n.FixedIP != "":
			return out, errs.Invalidf("Specified Fixed IP '%.64s' cannot be used with port '%s': the two cannot be specified together.", n.FixedIP, port)
		case port == "" && n.UUID == "":
			return out, errs.Invalidf("Bad network format: missing 'uuid'")
		}
		if _, err := uuid.Parse(n.UUID); port == "" && err != nil {
			return out, errs.Invalidf("Bad networks format: network uuid is not in proper format (%.255s)", n.UUID)
		}
		request := compute.RequestedNetwork{PortID: port, FixedIP: n.FixedIP, Tag: string(deref(n.Tag))}
		if port == "" {
			request.NetworkID = n.UUID
		}
		ports[port] = true
		out.List = append(out.List, request)
	}
	if out.List != nil {
		out.Mode = compute.NetworksListed
	}
	return out, nil
}
