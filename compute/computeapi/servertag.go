package computeapi

import (
	"net/http"
	"net/url"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/httpapi"
)

func (h handler) tagRoutes() []httpapi.Route {
	const list, one = "/servers/{server_id}/tags", "/servers/{server_id}/tags/{tag}"
	rows := []httpapi.Route{
		{Method: "GET", Pattern: list, Action: compute.ActionServerTagIndex, Response: tagsBody{}, Handle: h.listTags},
		{Method: "PUT", Pattern: list, Action: compute.ActionServerTagUpdateAll, Request: tagsBody{}, Response: tagsBody{}, Handle: httpapi.Body(h.replaceTags)},
		{Method: "DELETE", Pattern: list, Action: compute.ActionServerTagDeleteAll, Status: 204, Handle: h.clearTags},
		{Method: "GET", Pattern: one, Action: compute.ActionServerTagShow, Status: 204, Handle: h.checkTag},
		{Method: "PUT", Pattern: one, Action: compute.ActionServerTagUpdate, Status: 204, Handle: h.addTag},
		{Method: "DELETE", Pattern: one, Action: compute.ActionServerTagDelete, Status: 204, Handle: h.removeTag},
	}
	for n := range rows {
		rows[n].Since = httpapi.V("2.26")
	}
	return rows
}

// tag is a tag of a server, or of one of its devices.
type tag string

// JSONSchema says what is taken.
func (tag) JSONSchema() map[string]any {
	return map[string]any{"type": "string", "pattern": "^[^,/]*$", "minLength": 1, "maxLength": 60}
}

type tagsBody struct {
	Tags []tag `json:"tags" api:"required,max=50"`
}

func tagNames(in []tag) []string {
	out := make([]string, len(in))
	for n, t := range in {
		out[n] = string(t)
	}
	return out
}

func tags(names []string, err error) (any, error) {
	out := tagsBody{Tags: make([]tag, len(names))}
	for n, t := range names {
		out.Tags[n] = tag(t)
	}
	return out, err
}

func (h handler) listTags(r *httpapi.Request) (any, error) {
	return tags(h.compute.ServerTags(r.Ctx(), r.PathValue("server_id")))
}

func (h handler) replaceTags(r *httpapi.Request, in *tagsBody) (any, error) {
	return tags(h.compute.ReplaceServerTags(r.Ctx(), r.PathValue("server_id"), tagNames(in.Tags)))
}

func (h handler) clearTags(r *httpapi.Request) (any, error) {
	return nil, h.compute.ClearServerTags(r.Ctx(), r.PathValue("server_id"))
}

func (h handler) checkTag(r *httpapi.Request) (any, error) {
	return nil, h.compute.HasServerTag(r.Ctx(), r.PathValue("server_id"), r.PathValue("tag"))
}

func (h handler) addTag(r *httpapi.Request) (any, error) {
	id, name := r.PathValue("server_id"), r.PathValue("tag")
	added, err := h.compute.AddServerTag(r.Ctx(), id, name)
	if added {
		r.Status(http.StatusCreated)
		r.Header().Set("Location", r.URLFor("/servers/"+id+"/tags/"+url.PathEscape(name)))
	}
	return nil, err
}

func (h handler) removeTag(r *httpapi.Request) (any, error) {
	return nil, h.compute.RemoveServerTag(r.Ctx(), r.PathValue("server_id"), r.PathValue("tag"))
}
