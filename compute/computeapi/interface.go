package computeapi

import (
	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
)

func (h handler) interfaceRoutes() []httpapi.Route {
	const list, one = "/servers/{server_id}/os-interface", "/servers/{server_id}/os-interface/{port_id}"
	return []httpapi.Route{
		{Method: "GET", Pattern: list, Action: compute.ActionServerInterfaceList, Response: interfaceList{}, Handle: h.listInterfaces},
		{Method: "POST", Pattern: list, Action: compute.ActionServerInterfaceCreate, Request: newInterfaceBody{}, Response: interfaceBody{}, Handle: httpapi.Body(h.attachInterface)},
		{Method: "GET", Pattern: one, Action: compute.ActionServerInterfaceShow, Response: interfaceBody{}, Handle: h.showInterface},
		{Method: "DELETE", Pattern: one, Action: compute.ActionServerInterfaceDelete, Status: 202, Handle: h.detachInterface},
	}
}

// newInterfaceBody asks for a port, or a port on a network; an empty body for
// one on the project's only network.
type newInterfaceBody struct {
	Interface struct {
		NetworkID string       `json:"net_id" api:"format=uuid"`
		PortID    string       `json:"port_id" api:"format=uuid"`
		FixedIPs  []newFixedIP `json:"fixed_ips" api:"min=1,max=1"`
		Tag       *tag         `json:"tag" since:"2.49"`
	} `json:"interfaceAttachment"`
}

type newFixedIP struct {
	IP ipAddress `json:"ip_address" api:"required"`
}

// ipAddress is an address of either version.
type ipAddress string

// JSONSchema says what is taken.
func (ipAddress) JSONSchema() map[string]any {
	return map[string]any{"type": "string", "anyOf": []any{map[string]any{"format": "ipv4"}, map[string]any{"format": "ipv6"}}}
}

type fixedIP struct {
	SubnetID string `json:"subnet_id"`
	IP       string `json:"ip_address"`
}

type interfaceShape struct {
	NetworkID string    `json:"net_id"`
	PortID    string    `json:"port_id"`
	MAC       string    `json:"mac_addr"`
	State     string    `json:"port_state"`
	FixedIPs  []fixedIP `json:"fixed_ips"`
	Tag       *string   `json:"tag" since:"2.70"`
}

type interfaceBody struct {
	Interface interfaceShape `json:"interfaceAttachment"`
}

type interfaceList struct {
	Interfaces []interfaceShape `json:"interfaceAttachments"`
}

func showInterface(a *network.Attachment, tags map[string]string) interfaceShape {
	out := interfaceShape{NetworkID: a.Port.NetworkID, PortID: a.Port.ID, MAC: a.Port.MAC, State: string(a.Port.Status), Tag: ref(tags[a.Port.ID])}
	for _, at := range a.Addresses {
		out.FixedIPs = append(out.FixedIPs, fixedIP{at.SubnetID, at.IP.String()})
	}
	return out
}

// deviceTags gives the tags of a server's interfaces by port, where they are shown.
func (h handler) deviceTags(r *httpapi.Request) (map[string]string, error) {
	if !r.Version.AtLeast(httpapi.V("2.70")) {
		return nil, nil
	}
	s, err := h.compute.GetServer(r.Ctx(), r.PathValue("server_id"))
	if err != nil {
		return nil, err
	}
	tags := map[string]string{}
	for _, i := range s.Interfaces {
		tags[i.PortID] = i.Tag
	}
	return tags, nil
}

func (h handler) listInterfaces(r *httpapi.Request) (any, error) {
	list, err := h.compute.ListInterfaces(r.Ctx(), r.PathValue("server_id"))
	if err != nil {
		return nil, err
	}
	tags, err := h.deviceTags(r)
	if err != nil {
		return nil, err
	}
	out := interfaceList{Interfaces: make([]interfaceShape, len(list))}
	for n := range list {
		out.Interfaces[n] = showInterface(&list[n], tags)
	}
	return out, nil
}

func (h handler) showInterface(r *httpapi.Request) (any, error) {
	a, err := h.compute.GetInterface(r.Ctx(), r.PathValue("server_id"), r.PathValue("port_id"))
	return h.interfaceBody(r, a, err)
}

func (h handler) interfaceBody(r *httpapi.Request, a *network.Attachment, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	tags, err := h.deviceTags(r)
	return interfaceBody{showInterface(a, tags)}, err
}

func (h handler) attachInterface(r *httpapi.Request, in *newInterfaceBody) (any, error) {
	i := in.Interface
	attach := compute.AttachInterface{PortID: i.PortID, NetworkID: i.NetworkID, Tag: string(deref(i.Tag))}
	if len(i.FixedIPs) > 0 {
		attach.FixedIP = string(i.FixedIPs[0].IP)
	}
	switch {
	case attach.NetworkID != "" && attach.PortID != "":
		return nil, errs.Invalidf("Must not input both network_id and port_id")
	case attach.FixedIP != "" && attach.NetworkID == "":
		return nil, errs.Invalidf("Must input network_id when request IP address")
	}
	a, err := h.compute.AttachInterface(r.Ctx(), r.PathValue("server_id"), attach)
	return h.interfaceBody(r, a, err)
}

func (h handler) detachInterface(r *httpapi.Request) (any, error) {
	return nil, h.compute.DetachInterface(r.Ctx(), r.PathValue("server_id"), r.PathValue("port_id"))
}
