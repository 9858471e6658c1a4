package computeapi

import (
	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
)

func (h handler) metadataRoutes() []httpapi.Route {
	const list, one = "/servers/{server_id}/metadata", "/servers/{server_id}/metadata/{key}"
	return []httpapi.Route{
		{Method: "GET", Pattern: list, Action: compute.ActionServerMetaIndex, Response: metadataBody{}, Handle: h.listMetadata},
		{Method: "POST", Pattern: list, Action: compute.ActionServerMetaCreate, Request: metadataBody{}, Response: metadataBody{}, Handle: httpapi.Body(h.addMetadata)},
		{Method: "PUT", Pattern: list, Action: compute.ActionServerMetaUpdateAll, Request: metadataBody{}, Response: metadataBody{}, Handle: httpapi.Body(h.replaceMetadata)},
		{Method: "GET", Pattern: one, Action: compute.ActionServerMetaShow, Response: metaBody{}, Handle: h.showMetadata},
		{Method: "PUT", Pattern: one, Action: compute.ActionServerMetaUpdate, Request: metaBody{}, Response: metaBody{}, Handle: httpapi.Body(h.updateMetadata)},
		{Method: "DELETE", Pattern: one, Action: compute.ActionServerMetaDelete, Status: 204, Handle: h.deleteMetadata},
	}
}

type metadataBody struct {
	Metadata metadata `json:"metadata" api:"required"`
}

type metaBody struct {
	Meta metadata `json:"meta" api:"required"`
}

func (h handler) listMetadata(r *httpapi.Request) (any, error) {
	all, err := h.compute.ServerMetadata(r.Ctx(), r.PathValue("server_id"))
	return metadataBody{all}, err
}

func (h handler) addMetadata(r *httpapi.Request, in *metadataBody) (any, error) {
	all, err := h.compute.AddServerMetadata(r.Ctx(), r.PathValue("server_id"), in.Metadata)
	return metadataBody{all}, err
}

func (h handler) replaceMetadata(r *httpapi.Request, in *metadataBody) (any, error) {
	all, err := h.compute.ReplaceServerMetadata(r.Ctx(), r.PathValue("server_id"), in.Metadata)
	return metadataBody{all}, err
}

func (h handler) showMetadata(r *httpapi.Request) (any, error) {
	key := r.PathValue("key")
	value, err := h.compute.ServerMetadataItem(r.Ctx(), r.PathValue("server_id"), key)
	return metaBody{metadata{key: value}}, err
}

func (h handler) updateMetadata(r *httpapi.Request, in *metaBody) (any, error) {
	key := r.PathValue("key")
	value, is := in.Meta[key]
	switch {
	case len(in.Meta) > 1:
		return nil, errs.Invalidf("Request body contains too many items")
	case !is:
		return nil, errs.Invalidf("Request body and URI mismatch")
	}
	return in, h.compute.SetServerMetadataItem(r.Ctx(), r.PathValue("server_id"), key, value)
}

func (h handler) deleteMetadata(r *httpapi.Request) (any, error) {
	return nil, h.compute.DeleteServerMetadata(r.Ctx(), r.PathValue("server_id"), r.PathValue("key"))
}
