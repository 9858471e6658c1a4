package identityapi

import (
	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
)

// ids is a hierarchy of projects by their ids; nil, shown as null, at its ends.
type ids = map[string]any

// null is shown where there is a place but nothing in it.
var null *struct{}

// addFamily adds the projects above and below one, as the query asks for them.
func (h handler) addFamily(r *httpapi.Request, p *projectBody) error {
	for _, name := range []string{"parents", "subtree"} {
		if asked(r, name+"_as_list") && asked(r, name+"_as_ids") {
			return errs.Invalidf("Cannot use %[1]s_as_list and %[1]s_as_ids query params at the same time.", name)
		}
	}
	if err := h.addParents(r, p); err != nil {
		return err
	}
	return h.addSubtree(r, p)
}

func (h handler) addParents(r *httpapi.Request, p *projectBody) error {
	if !asked(r, "parents_as_list") && !asked(r, "parents_as_ids") {
		return nil
	}
	above, err := h.ids.ProjectParents(r.Ctx(), p.ID)
	if err != nil {
		return err
	}
	if asked(r, "parents_as_list") {
		p.Parents, err = h.reachable(r, above)
		return err
	}
	var tree any = ids{*p.DomainID: null}
	for i := range above {
		tree = ids{above[len(above)-1-i].ID: tree}
	}
	p.Parents = tree
	return nil
}

func (h handler) addSubtree(r *httpapi.Request, p *projectBody) error {
	if !asked(r, "subtree_as_list") && !asked(r, "subtree_as_ids") {
		return nil
	}
	below, err := h.ids.ProjectSubtree(r.Ctx(), p.ID)
	if err != nil {
		return err
	}
	if asked(r, "subtree_as_list") {
		p.Subtree, err = h.reachable(r, below)
		return err
	}
	children := map[string][]string{}
	for _, each := range below {
		children[each.ParentID] = append(children[each.ParentID], each.ID)
	}
	p.Subtree = treeBelow(children, p.ID)
	return nil
}

func treeBelow(children map[string][]string, id string) any {
	if len(children[id]) == 0 {
		return null
	}
	out := ids{}
	for _, child := range children[id] {
		out[child] = treeBelow(children, child)
	}
	return out
}

// reachable shows those of the projects in which the caller has a role.
func (h handler) reachable(r *httpapi.Request, rows []identity.Project) ([]projectAnswer, error) {
	own, err := h.ids.AuthProjects(r.Ctx())
	if err != nil {
		return nil, err
	}
	has := map[string]bool{}
	for _, p := range own {
		has[p.ID] = true
	}
	out := []projectAnswer{}
	for i := range rows {
		if has[rows[i].ID] {
			out = append(out, projectAnswer{h.project(&rows[i])})
		}
	}
	return out, nil
}
