package computeapi

import (
	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/httpapi"
)

func (h handler) serverRoutes() []httpapi.Route {
	const list, one = "/servers", "/servers/{server_id}"
	return []httpapi.Route{
		{Method: "GET", Pattern: list, Action: compute.ActionServerIndex, Query: serverQuery{}, Response: serverList{}, Handle: h.listServers},
		{Method: "GET", Pattern: list + "/detail", Action: compute.ActionServerDetail, Query: serverQuery{}, Response: serverList{}, Handle: h.detailServers},
		{Method: "POST", Pattern: list, Action: compute.ActionServerCreate, Until: httpapi.V("2.36"), Request: oldServerBody{}, Response: madeServerBody{}, Status: 202, Handle: httpapi.Body(h.createOldServer)},
		{Method: "POST", Pattern: list, Action: compute.ActionServerCreate, Since: httpapi.V("2.37"), Request: newServerBody{}, Response: madeServerBody{}, Status: 202, Handle: httpapi.Body(h.createServer)},
		{Method: "GET", Pattern: one, Action: compute.ActionServerShow, Response: serverBody{placedServer{}}, Handle: h.showServer},
		{Method: "PUT", Pattern: one, Action: compute.ActionServerUpdate, Request: updateServerBody{}, Response: serverBody{placedServer{}}, Handle: httpapi.Body(h.updateServer)},
		{Method: "DELETE", Pattern: one, Action: compute.ActionServerDelete, Status: 204, Handle: h.deleteServer},
	}
}

type updateServerBody struct {
	Server struct {
		Name        *name                       `json:"name"`
		Description httpapi.Optional[printable] `json:"description" since:"2.19" api:"nullable,max=255"`
		Hostname    *string                     `json:"hostname" since:"2.90" api:"min=1,max=255"`
		AccessIPv4  *string                     `json:"accessIPv4" api:"format=ipv4"`
		AccessIPv6  *string                     `json:"accessIPv6" api:"format=ipv6"`
		DiskConfig  *string                     `json:"OS-DCF:diskConfig" api:"enum=AUTO|MANUAL"`
	} `json:"server" api:"required"`
}

func (h handler) showServer(r *httpapi.Request) (any, error) {
	s, err := h.compute.GetServer(r.Ctx(), r.PathValue("server_id"))
	if err != nil {
		return nil, err
	}
	v, err := h.viewOne(r, s)
	if err != nil {
		return nil, err
	}
	return serverBody{v.full(s)}, nil
}

func (h handler) updateServer(r *httpapi.Request, in *updateServerBody) (any, error) {
	if err := checkHostname(r, deref(in.Server.Hostname)); err != nil {
		return nil, err
	}
	s, err := h.compute.UpdateServer(r.Ctx(), r.PathValue("server_id"), compute.UpdateServer{Name: (*string)(in.Server.Name), Description: nullableText(in.Server.Description),
		Hostname: in.Server.Hostname, AccessIPv4: in.Server.AccessIPv4, AccessIPv6: in.Server.AccessIPv6, DiskConfig: in.Server.DiskConfig})
	if err != nil {
		return nil, err
	}
	v, err := h.viewOne(r, s)
	if err != nil {
		return nil, err
	}
	return serverBody{v.changed(s)}, nil
}

func (h handler) deleteServer(r *httpapi.Request) (any, error) {
	return nil, h.compute.DeleteServer(r.Ctx(), r.PathValue("server_id"))
}

// nullable gives nil for a field that was left out, and a nil pointer for null.
func nullable[T any](o httpapi.Optional[T]) **T {
	if !o.Set {
		return nil
	}
	p := o.Ptr()
	return &p
}

// nullableText is nullable of text that can be printed.
func nullableText(o httpapi.Optional[printable]) **string {
	if !o.Set {
		return nil
	}
	p := (*string)(o.Ptr())
	return &p
}
