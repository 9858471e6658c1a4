package identityapi

import (
	"net/http"
	"net/url"

	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/platform/httpapi"
)

// tagsBody is the tags of a project, as they are set and shown.
type tagsBody struct {
	Tags []string `json:"tags" api:"required"`
}

type tagsAnswer struct {
	Links self     `json:"links"`
	Tags  []string `json:"tags"`
}

func (h handler) tagRoutes() []httpapi.Route {
	return []httpapi.Route{
		{Method: "GET", Pattern: "/projects/{project_id}/tags", Action: identity.ActionListProjectTags, Response: tagsAnswer{}, Handle: h.listTags},
		{Method: "PUT", Pattern: "/projects/{project_id}/tags", Action: identity.ActionUpdateProjectTags, Request: tagsBody{}, Response: tagsAnswer{},
			Handle: httpapi.Body(h.setTags)},
		{Method: "DELETE", Pattern: "/projects/{project_id}/tags", Action: identity.ActionDeleteProjectTags, Status: http.StatusNoContent, Handle: h.clearTags},
		{Method: "GET", Pattern: "/projects/{project_id}/tags/{tag}", Action: identity.ActionGetProjectTag, Status: http.StatusNoContent, Handle: h.checkTag},
		{Method: "PUT", Pattern: "/projects/{project_id}/tags/{tag}", Action: identity.ActionCreateProjectTag, Status: http.StatusCreated, Handle: h.addTag},
		{Method: "DELETE", Pattern: "/projects/{project_id}/tags/{tag}", Action: identity.ActionDeleteProjectTag, Status: http.StatusNoContent, Handle: h.removeTag},
	}
}

func (h handler) tagsAnswer(r *httpapi.Request, tags []string) (any, error) {
	return tagsAnswer{Links: self{h.public + r.URL.RequestURI()}, Tags: tags}, nil
}

func (h handler) listTags(r *httpapi.Request) (any, error) {
	tags, err := h.ids.ProjectTags(r.Ctx(), r.PathValue("project_id"))
	if err != nil {
		return nil, err
	}
	return h.tagsAnswer(r, tags)
}

func (h handler) setTags(r *httpapi.Request, in *tagsBody) (any, error) {
	tags, err := h.ids.SetProjectTags(r.Ctx(), r.PathValue("project_id"), in.Tags)
	if err != nil {
		return nil, err
	}
	return h.tagsAnswer(r, tags)
}

func (h handler) clearTags(r *httpapi.Request) (any, error) {
	return nil, h.ids.ClearProjectTags(r.Ctx(), r.PathValue("project_id"))
}

func (h handler) checkTag(r *httpapi.Request) (any, error) {
	return nil, h.ids.CheckProjectTag(r.Ctx(), r.PathValue("project_id"), r.PathValue("tag"))
}

func (h handler) addTag(r *httpapi.Request) (any, error) {
	id, tag := r.PathValue("project_id"), r.PathValue("tag")
	if err := h.ids.AddProjectTag(r.Ctx(), id, tag); err != nil {
		return nil, err
	}
	r.Header().Set("Location", h.url("/projects/"+id+"/tags/"+url.PathEscape(tag)))
	return nil, nil
}

func (h handler) removeTag(r *httpapi.Request) (any, error) {
	return nil, h.ids.RemoveProjectTag(r.Ctx(), r.PathValue("project_id"), r.PathValue("tag"))
}
