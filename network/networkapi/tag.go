package networkapi

import (
	"maps"
	"net/http"
	"slices"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/policy"
)

// tagged are the collections whose resources have tags, with the name that
// policy knows one of them by.
var tagged = map[string]string{"networks": "network", "subnets": "subnet", "ports": "port", "routers": "router",
	"floatingips": "floatingip", "security-groups": "security_group"}

// tagList is the body of a resource's tags.
type tagList struct {
	Tags []string `json:"tags" api:"required"`
}

func (h handler) tagRows() (rows []httpapi.Route) {
	for _, of := range slices.Sorted(maps.Keys(tagged)) {
		t, one := tags{h, of}, tagged[of]
		get, update := policy.Action("get_"+one), policy.Action("update_"+one)
		all, single := "/"+of+"/{id}/tags", "/"+of+"/{id}/tags/{tag}"
		rows = append(rows, []httpapi.Route{
			{Method: "GET", Pattern: all, Action: get, Response: tagList{}, Handle: t.list},
			{Method: "PUT", Pattern: all, Action: update, Request: tagList{}, Response: tagList{}, Handle: httpapi.Body(t.replace)},
			{Method: "DELETE", Pattern: all, Action: update, Status: http.StatusNoContent, Handle: t.clear},
			{Method: "GET", Pattern: single, Action: get, Status: http.StatusNoContent, Handle: t.check},
			{Method: "PUT", Pattern: single, Action: update, Status: http.StatusCreated, Handle: t.add},
			{Method: "DELETE", Pattern: single, Action: update, Status: http.StatusNoContent, Handle: t.remove},
		}...)
	}
	return rows
}

// tags serves the tags of one collection's resources.
type tags struct {
	handler
	of string // "networks"
}

func (t tags) list(r *httpapi.Request) (any, error) {
	all, err := t.networks.Tags(r.Ctx(), t.of, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return tagList{all}, nil
}

func (t tags) replace(r *httpapi.Request, in *tagList) (any, error) {
	all, err := t.networks.SetTags(r.Ctx(), t.of, r.PathValue("id"), in.Tags)
	if err != nil {
		return nil, err
	}
	return tagList{all}, nil
}

func (t tags) clear(r *httpapi.Request) (any, error) {
	_, err := t.networks.SetTags(r.Ctx(), t.of, r.PathValue("id"), nil)
	return nil, err
}

func (t tags) check(r *httpapi.Request) (any, error) {
	all, err := t.networks.Tags(r.Ctx(), t.of, r.PathValue("id"))
	if err == nil && !slices.Contains(all, r.PathValue("tag")) {
		err = errs.NotFoundf("Tag %.255s could not be found.", r.PathValue("tag")).WithCode("TagNotFound")
	}
	return nil, err
}

func (t tags) add(r *httpapi.Request) (any, error) {
	return nil, t.networks.AddTag(r.Ctx(), t.of, r.PathValue("id"), r.PathValue("tag"))
}

func (t tags) remove(r *httpapi.Request) (any, error) {
	return nil, t.networks.RemoveTag(r.Ctx(), t.of, r.PathValue("id"), r.PathValue("tag"))
}
