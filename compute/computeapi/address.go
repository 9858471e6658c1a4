package computeapi

import (
	"net/netip"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
)

func (h handler) addressRoutes() []httpapi.Route {
	return []httpapi.Route{
		{Method: "GET", Pattern: "/servers/{server_id}/ips", Action: compute.ActionServerAddressIndex, Response: addressesBody{}, Handle: h.listAddresses},
		{Method: "GET", Pattern: "/servers/{server_id}/ips/{network}", Action: compute.ActionServerAddressShow, Response: map[string][]plainAddress{}, Handle: h.showAddresses},
	}
}

// plainAddress is an address of a server.
type plainAddress struct {
	Version int    `json:"version"`
	Addr    string `json:"addr"`
}

// address is one with what it is: fixed on a port, or floating.
type address struct {
	plainAddress
	Type string `json:"OS-EXT-IPS:type"`
	MAC  string `json:"OS-EXT-IPS-MAC:mac_addr"`
}

type addressesBody struct {
	Addresses map[string][]plainAddress `json:"addresses"`
}

// addresses gives the addresses of a server by the names of its networks:
// each fixed one is followed by the floating one that leads to it.
func addresses(list []network.Attachment) map[string][]address {
	out := map[string][]address{}
	for _, a := range list {
		for _, fixed := range a.Addresses {
			out[a.Network] = append(out[a.Network], address{plain(fixed.IP), "fixed", a.Port.MAC})
			if fixed.Floating.IsValid() {
				out[a.Network] = append(out[a.Network], address{plain(fixed.Floating), "floating", a.Port.MAC})
			}
		}
	}
	return out
}

func plain(ip netip.Addr) plainAddress {
	if ip.Is4() {
		return plainAddress{4, ip.String()}
	}
	return plainAddress{6, ip.String()}
}

func plainAddresses(list []network.Attachment) map[string][]plainAddress {
	out := map[string][]plainAddress{}
	for name, all := range addresses(list) {
		for _, a := range all {
			out[name] = append(out[name], a.plainAddress)
		}
	}
	return out
}

func (h handler) listAddresses(r *httpapi.Request) (any, error) {
	list, err := h.compute.ServerAddresses(r.Ctx(), r.PathValue("server_id"))
	if err != nil {
		return nil, err
	}
	return addressesBody{plainAddresses(list)}, nil
}

func (h handler) showAddresses(r *httpapi.Request) (any, error) {
	list, err := h.compute.ServerAddresses(r.Ctx(), r.PathValue("server_id"))
	if err != nil {
		return nil, err
	}
	name := r.PathValue("network")
	all, is := plainAddresses(list)[name]
	if !is {
		return nil, errs.NotFoundf("Instance is not a member of specified network")
	}
	return map[string][]plainAddress{name: all}, nil
}
