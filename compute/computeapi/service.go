package computeapi

import (
	"strconv"

	"github.com/google/uuid"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
)

// binary is what the compute service of a host is called.
const binary = "nova-compute"

func (h handler) serviceRoutes() []httpapi.Route {
	const path = "/os-services"
	old := func(what string, request any, handle func(*httpapi.Request) (any, error)) httpapi.Route {
		return httpapi.Route{Method: "PUT", Pattern: path + "/" + what, Action: compute.ActionServiceUpdate, Until: httpapi.V("2.52"), Request: request, Response: oldServiceBody{}, Handle: handle}
	}
	fence := old("force-down", oldService{}, httpapi.Body(h.forceDown))
	fence.Since = httpapi.V("2.11")
	return []httpapi.Route{
		{Method: "GET", Pattern: path, Action: compute.ActionServiceList, Query: serviceQuery{}, Response: serviceList{}, Handle: h.listServices},
		{Method: "PUT", Pattern: path + "/{service_id}", Action: compute.ActionServiceUpdate, Since: httpapi.V("2.53"), Request: updateServiceBody{}, Response: serviceBody{}, Handle: httpapi.Body(h.updateService)},
		{Method: "DELETE", Pattern: path + "/{service_id}", Action: compute.ActionServiceDelete, Status: 204, Handle: h.deleteService},
		old("enable", oldService{}, httpapi.Body(h.enableService)),
		old("disable", oldService{}, httpapi.Body(h.disableService)),
		old("disable-log-reason", oldService{}, httpapi.Body(h.disableServiceWithReason)),
		fence,
	}
}

type serviceQuery struct {
	Host   string `json:"host"`
	Binary string `json:"binary"`
}

type serviceShape struct {
	ID             any     `json:"id"` // the host's number, later its id
	Binary         string  `json:"binary"`
	Host           string  `json:"host"`
	Zone           string  `json:"zone"`
	Status         string  `json:"status"`
	State          string  `json:"state"`
	UpdatedAt      *string `json:"updated_at"`
	DisabledReason *string `json:"disabled_reason"`
	ForcedDown     bool    `json:"forced_down" since:"2.11"`
}

type serviceList struct {
	Services []serviceShape `json:"services"`
}

type serviceBody struct {
	Service serviceShape `json:"service"`
}

type updateServiceBody struct {
	Status     string   `json:"status" api:"enum=enabled|disabled"`
	Reason     *string  `json:"disabled_reason" api:"min=1,max=255"`
	ForcedDown *boolean `json:"forced_down"`
}

// oldService names a service by its host, as before 2.53.
type oldService struct {
	Host       string   `json:"host" api:"required,min=1,max=255,pattern=^[a-zA-Z0-9-._]*$"`
	Binary     string   `json:"binary" api:"required,min=1,max=255"`
	Reason     *string  `json:"disabled_reason" api:"min=1,max=255"`
	ForcedDown *boolean `json:"forced_down" since:"2.11"`
}

type oldServiceBody struct {
	Service oldServiceShape `json:"service"`
}

type oldServiceShape struct {
	Host       string `json:"host"`
	Binary     string `json:"binary"`
	Status     string `json:"status,omitempty"`
	Reason     string `json:"disabled_reason,omitempty"`
	ForcedDown *bool  `json:"forced_down,omitzero"`
}

// hostRef gives the id of a host's service and hypervisor: a number before 2.53.
func hostRef(r *httpapi.Request, host *compute.Host) any {
	if r.Version.AtLeast(httpapi.V("2.53")) {
		return host.ID
	}
	return host.Number
}

func word(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

func showService(r *httpapi.Request, host *compute.Host) serviceShape {
	return serviceShape{ID: hostRef(r, host), Binary: binary, Host: host.Name, Zone: host.Zone, Status: word(host.Disabled, "disabled", "enabled"),
		State: word(host.Up(), "up", "down"), UpdatedAt: naiveRef(host.SeenAt), DisabledReason: host.DisabledReason, ForcedDown: host.ForcedDown}
}

func (h handler) listServices(r *httpapi.Request) (any, error) {
	hosts, err := h.compute.ListComputeServices(r.Ctx())
	if err != nil {
		return nil, err
	}
	out := serviceList{Services: []serviceShape{}}
	name, bin := r.Params().Get("host"), r.Params().Get("binary")
	for n := range hosts {
		if (name == "" || name == hosts[n].Name) && (bin == "" || bin == binary) {
			out.Services = append(out.Services, showService(r, &hosts[n]))
		}
	}
	return out, nil
}

func (h handler) updateService(r *httpapi.Request, in *updateServiceBody) (any, error) {
	id := r.PathValue("service_id")
	if _, err := uuid.Parse(id); err != nil {
		return nil, errs.Invalidf("Invalid uuid %.255s", id)
	}
	change := compute.UpdateHost{ForcedDown: (*bool)(in.ForcedDown)}
	switch {
	case in.Status == "" && in.Reason == nil && in.ForcedDown == nil:
		return nil, errs.Invalidf("No updates were requested. Fields 'status' or 'forced_down' should be specified.")
	case in.Reason != nil && in.Status == "enabled":
		return nil, errs.Invalidf("Specifying 'disabled_reason' with status 'enabled' is invalid.")
	case in.Status != "":
		disabled := in.Status == "disabled"
		change.Disabled, change.DisabledReason = &disabled, &in.Reason
	case in.Reason != nil:
		change.DisabledReason = &in.Reason
	}
	host, err := h.compute.UpdateComputeService(r.Ctx(), id, change)
	if err != nil {
		return nil, err
	}
	return serviceBody{showService(r, host)}, nil
}

func (h handler) deleteService(r *httpapi.Request) (any, error) {
	id := r.PathValue("service_id")
	_, notUUID := uuid.Parse(id)
	_, notNumber := strconv.ParseInt(id, 10, 64)
	if byUUID := r.Version.AtLeast(httpapi.V("2.53")); byUUID && notUUID != nil || !byUUID && notNumber != nil {
		return nil, errs.Invalidf("Invalid service id %.255s", id)
	}
	return nil, h.compute.DeleteComputeService(r.Ctx(), id)
}

// changeOld changes a service that is named by its host.
func (h handler) changeOld(r *httpapi.Request, in *oldService, change compute.UpdateHost, out oldServiceShape) (any, error) {
	if in.Binary != binary {
		return nil, errs.Invalidf("Updating a %s service is not supported. Only nova-compute services can be updated.", in.Binary)
	}
	out.Host, out.Binary = in.Host, in.Binary
	_, err := h.compute.UpdateComputeService(r.Ctx(), in.Host, change)
	return oldServiceBody{out}, err
}

func (h handler) enableService(r *httpapi.Request, in *oldService) (any, error) {
	no, none := false, (*string)(nil)
	return h.changeOld(r, in, compute.UpdateHost{Disabled: &no, DisabledReason: &none}, oldServiceShape{Status: "enabled"})
}

func (h handler) disableService(r *httpapi.Request, in *oldService) (any, error) {
	yes, none := true, (*string)(nil)
	return h.changeOld(r, in, compute.UpdateHost{Disabled: &yes, DisabledReason: &none}, oldServiceShape{Status: "disabled"})
}

func (h handler) disableServiceWithReason(r *httpapi.Request, in *oldService) (any, error) {
	if in.Reason == nil {
		return nil, errs.Invalidf("Missing disabled reason field")
	}
	yes := true
	return h.changeOld(r, in, compute.UpdateHost{Disabled: &yes, DisabledReason: &in.Reason}, oldServiceShape{Status: "disabled", Reason: *in.Reason})
}

func (h handler) forceDown(r *httpapi.Request, in *oldService) (any, error) {
	down := (*bool)(in.ForcedDown)
	if down == nil {
		return nil, errs.Invalidf("Missing forced_down field")
	}
	return h.changeOld(r, in, compute.UpdateHost{ForcedDown: down}, oldServiceShape{ForcedDown: down})
}
