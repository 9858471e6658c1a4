package computeapi

import (
	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
)

func (h handler) extraSpecRoutes() []httpapi.Route {
	const list, one = "/flavors/{flavor_id}/os-extra_specs", "/flavors/{flavor_id}/os-extra_specs/{key}"
	return []httpapi.Route{
		{Method: "GET", Pattern: list, Action: compute.ActionExtraSpecsList, Response: extraSpecsBody{}, Handle: h.listExtraSpecs},
		{Method: "POST", Pattern: list, Action: compute.ActionExtraSpecsCreate, Request: extraSpecsBody{}, Response: extraSpecsBody{}, Handle: httpapi.Body(h.createExtraSpecs)},
		{Method: "GET", Pattern: one, Action: compute.ActionExtraSpecsShow, Response: map[string]string{}, Handle: h.showExtraSpec},
		{Method: "PUT", Pattern: one, Action: compute.ActionExtraSpecsUpdate, Request: extraSpecs{}, Response: map[string]string{}, Handle: httpapi.Body(h.updateExtraSpec)},
		{Method: "DELETE", Pattern: one, Action: compute.ActionExtraSpecsDelete, Handle: h.deleteExtraSpec},
	}
}

// extraSpecs are extra specs by name; a number is taken as text.
type extraSpecs map[string]scalar

// JSONSchema says what is taken.
func (extraSpecs) JSONSchema() map[string]any {
	return map[string]any{"type": "object", "additionalProperties": false,
		"patternProperties": map[string]any{"^[a-zA-Z0-9-_:. ]{1,255}$": map[string]any{"type": []any{"string", "number"}, "maxLength": 255}}}
}

func (s extraSpecs) domain() map[string]string {
	out := make(map[string]string, len(s))
	for k, v := range s {
		out[k] = string(v)
	}
	return out
}

type extraSpecsBody struct {
	ExtraSpecs extraSpecs `json:"extra_specs" api:"required"`
}

func (h handler) listExtraSpecs(r *httpapi.Request) (any, error) {
	specs, err := h.compute.ListExtraSpecs(r.Ctx(), r.PathValue("flavor_id"))
	if err != nil {
		return nil, err
	}
	return map[string]any{"extra_specs": specs}, nil
}

// checkExtraSpecs refuses what is no extra spec, which was taken before 2.86.
func checkExtraSpecs(r *httpapi.Request, specs extraSpecs) error {
	if !r.Version.AtLeast(httpapi.V("2.86")) {
		return nil
	}
	return compute.CheckExtraSpecs(specs.domain())
}

func (h handler) createExtraSpecs(r *httpapi.Request, in *extraSpecsBody) (any, error) {
	if err := checkExtraSpecs(r, in.ExtraSpecs); err != nil {
		return nil, err
	}
	if _, err := h.compute.SetExtraSpecs(r.Ctx(), r.PathValue("flavor_id"), in.ExtraSpecs.domain()); err != nil {
		return nil, err
	}
	return in, nil
}

func (h handler) showExtraSpec(r *httpapi.Request) (any, error) {
	key := r.PathValue("key")
	value, err := h.compute.GetExtraSpec(r.Ctx(), r.PathValue("flavor_id"), key)
	if err != nil {
		return nil, err
	}
	return map[string]string{key: value}, nil
}

func (h handler) updateExtraSpec(r *httpapi.Request, in *extraSpecs) (any, error) {
	key := r.PathValue("key")
	value, is := (*in)[key]
	if !is || len(*in) != 1 {
		return nil, errs.Invalidf("Request body and URI mismatch")
	}
	if err := checkExtraSpecs(r, *in); err != nil {
		return nil, err
	}
	return in, h.compute.UpdateExtraSpec(r.Ctx(), r.PathValue("flavor_id"), key, string(value))
}

func (h handler) deleteExtraSpec(r *httpapi.Request) (any, error) {
	return nil, h.compute.DeleteExtraSpec(r.Ctx(), r.PathValue("flavor_id"), r.PathValue("key"))
}
