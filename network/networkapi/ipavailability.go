package networkapi

import (
	"math/big"
	"strconv"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/store"
)

type availabilityBody struct {
	Availability availabilityView `json:"network_ip_availability"`
}

type availabilityList struct {
	Availabilities []availabilityView `json:"network_ip_availabilities"`
	Links          []link             `json:"network_ip_availabilities_links,omitempty"`
}

type availabilityView struct {
	NetworkID   string               `json:"network_id"`
	NetworkName string               `json:"network_name"`
	ProjectID   string               `json:"project_id"`
	TenantID    string               `json:"tenant_id"`
	Total       *big.Int             `json:"total_ips"`
	Used        int64                `json:"used_ips"`
	Subnets     []subnetAvailability `json:"subnet_ip_availability"`
}

type subnetAvailability struct {
	SubnetID   string   `json:"subnet_id"`
	SubnetName string   `json:"subnet_name"`
	CIDR       string   `json:"cidr"`
	IPVersion  int      `json:"ip_version"`
	Total      *big.Int `json:"total_ips"`
	Used       int64    `json:"used_ips"`
}

func (h handler) availabilityRows() []httpapi.Route {
	return []httpapi.Route{
		{Method: "GET", Pattern: "/network-ip-availabilities", Action: network.ActionGetIPAvailability, Response: availabilityList{}, Handle: h.listAvailability},
		{Method: "GET", Pattern: "/network-ip-availabilities/{id}", Action: network.ActionGetIPAvailability, Response: availabilityBody{}, Handle: h.showAvailability},
	}
}

func showAvailabilityView(a network.IPAvailability, version string) availabilityView {
	out := availabilityView{NetworkID: a.NetworkID, NetworkName: a.NetworkName, ProjectID: a.ProjectID, TenantID: a.ProjectID, Total: new(big.Int)}
	for _, s := range a.Subnets {
		if version != "" && version != strconv.Itoa(s.IPVersion) {
			continue
		}
		out.Subnets = append(out.Subnets, subnetAvailability{s.SubnetID, s.SubnetName, s.CIDR, s.IPVersion, s.Total, s.Used})
		out.Total.Add(out.Total, s.Total)
		out.Used += s.Used
	}
	return out
}

func (h handler) listAvailability(r *httpapi.Request) (any, error) {
	q, err := r.List("network_id", "network_name", "project_id", "tenant_id", "ip_version")
	if err != nil {
		return nil, err
	}
	q.Sorts = nil
	q.Filters = ofNetworks(q.Filters)
	all, more, err := h.networks.ListIPAvailability(r.Ctx(), q)
	if err != nil {
		return nil, err
	}
	version := r.Params().Get("ip_version")
	return availabilityList{
		Availabilities: each(all, func(a network.IPAvailability) availabilityView { return showAvailabilityView(a, version) }),
		Links:          pageLinks(r, q, each(all, func(a network.IPAvailability) string { return a.NetworkID }), more),
	}, nil
}

// ofNetworks names filters as networks have them.
func ofNetworks(filters []store.Filter) (out []store.Filter) {
	for _, f := range filters {
		switch f.Field {
		case "network_id":
			f.Field = "id"
		case "network_name":
			f.Field = "name"
		case "ip_version":
			continue
		}
		out = append(out, f)
	}
	return out
}

func (h handler) showAvailability(r *httpapi.Request) (any, error) {
	id := r.PathValue("id")
	all, _, err := h.networks.ListIPAvailability(r.Ctx(), store.Query{Filters: []store.Filter{{Field: "id", Values: []string{id}}}})
	if err == nil && len(all) == 0 {
		err = errs.NotFoundf("Network %.255s could not be found.", id).WithCode("NetworkNotFound")
	}
	if err != nil {
		return nil, err
	}
	return availabilityBody{showAvailabilityView(all[0], "")}, nil
}
