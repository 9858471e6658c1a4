package identityapi

import (
	"context"
	"net/http"

	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
)

// namedRole is a role as inferences show it.
type namedRole struct {
	object
	Name string `json:"name"`
}

// inference says that who has one role has others: a list of them, or one.
type inference[T any] struct {
	Prior   namedRole `json:"prior_role"`
	Implies T         `json:"implies"`
}

type inferenceAnswer[T any] struct {
	Inference inference[T] `json:"role_inference"`
	Links     self         `json:"links"`
}

type inferenceList struct {
	Inferences []inference[[]namedRole] `json:"role_inferences"`
	Links      self                     `json:"links"`
}

func (h handler) impliedRoutes() []httpapi.Route {
	const one = "/roles/{role_id}/implies/{implied_role_id}"
	return []httpapi.Route{
		{Method: "GET", Pattern: "/role_inferences", Action: identity.ActionListImplied, Response: inferenceList{}, Handle: h.listInferences},
		{Method: "GET", Pattern: "/roles/{role_id}/implies", Action: identity.ActionListImplied, Response: inferenceAnswer[[]namedRole]{}, Handle: h.listImplied},
		{Method: "GET", Pattern: one, Action: identity.ActionListImplied, Response: inferenceAnswer[namedRole]{}, Handle: h.getImplied},
		{Method: "HEAD", Pattern: one, Action: identity.ActionListImplied, Status: http.StatusNoContent, Handle: h.checkImplied},
		{Method: "PUT", Pattern: one, Action: identity.ActionCreateImplied, Response: inferenceAnswer[namedRole]{}, Status: http.StatusCreated, Handle: h.imply},
		{Method: "DELETE", Pattern: one, Action: identity.ActionDeleteImplied, Status: http.StatusNoContent, Handle: h.unimply},
	}
}

func (h handler) namedRole(r *identity.Role) namedRole {
	return namedRole{h.object("roles", r.ID), r.Name}
}

// inferences gives what a role implies, or with "" what all do, in the order of priors.
func (h handler) inferences(ctx context.Context, prior string) ([]inference[[]namedRole], error) {
	rows, err := h.ids.ListInferences(ctx, prior)
	if err != nil {
		return nil, err
	}
	return each(rows, func(i *identity.Inference) inference[[]namedRole] {
		return inference[[]namedRole]{h.namedRole(&i.Prior), each(i.Implied, h.namedRole)}
	}), nil
}

func (h handler) listInferences(r *httpapi.Request) (any, error) {
	all, err := h.inferences(r.Ctx(), "")
	return inferenceList{all, self{h.public + r.URL.RequestURI()}}, err
}

func (h handler) listImplied(r *httpapi.Request) (any, error) {
	all, err := h.inferences(r.Ctx(), r.PathValue("role_id"))
	if err != nil {
		return nil, err
	}
	return inferenceAnswer[[]namedRole]{all[0], self{h.url("/roles/" + r.PathValue("role_id") + "/implies")}}, nil
}

func (h handler) getImplied(r *httpapi.Request) (any, error) {
	prior, implied := r.PathValue("role_id"), r.PathValue("implied_role_id")
	all, err := h.inferences(r.Ctx(), prior)
	if err != nil {
		return nil, err
	}
	for _, role := range all[0].Implies {
		if role.ID == implied {
			return inferenceAnswer[namedRole]{inference[namedRole]{all[0].Prior, role}, self{h.url("/roles/" + prior + "/implies/" + implied)}}, nil
		}
	}
	return nil, errs.NotFoundf("%s does not imply %s.", prior, implied)
}

func (h handler) checkImplied(r *httpapi.Request) (any, error) {
	_, err := h.getImplied(r)
	return nil, err
}

func (h handler) imply(r *httpapi.Request) (any, error) {
	if err := h.ids.ImplyRole(r.Ctx(), r.PathValue("role_id"), r.PathValue("implied_role_id")); err != nil {
		return nil, err
	}
	return h.getImplied(r)
}

func (h handler) unimply(r *httpapi.Request) (any, error) {
	return nil, h.ids.UnimplyRole(r.Ctx(), r.PathValue("role_id"), r.PathValue("implied_role_id"))
}
