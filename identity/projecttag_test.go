package identity_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
)

func TestTagsThatAreAddedAtTheSameTimeAreAllKept(t *testing.T) {
	w := newWorld(t)
	p := w.project(t, "web", "")
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() { assert(t, w.AddProjectTag(w.admin, p.ID, fmt.Sprintf("t%02d", i))) })
	}
	wg.Wait()
	tags, err := w.ProjectTags(w.admin, p.ID)
	require.NoError(t, err)
	require.Len(t, tags, 20)
}

// assert is require.NoError for goroutines.
func assert(t *testing.T, err error) {
	if err != nil {
		t.Error(err)
	}
}

func TestAProjectHasAtMostEightyTags(t *testing.T) {
	w := newWorld(t)
	p := w.project(t, "web", "")
	tags := make([]string, 81)
	for i := range tags {
		tags[i] = fmt.Sprint(i)
	}
	_, err := w.SetProjectTags(w.admin, p.ID, tags)
	kind(t, errs.Invalid, err)
	_, err = w.CreateProject(w.admin, identity.CreateProject{Name: "x", DomainID: "default", Tags: tags})
	kind(t, errs.Invalid, err)
	_, err = w.UpdateProject(w.admin, p.ID, identity.UpdateProject{Tags: &tags})
	kind(t, errs.Invalid, err)
	_, err = w.SetProjectTags(w.admin, p.ID, tags[:80])
	require.NoError(t, err)
	kind(t, errs.Invalid, w.AddProjectTag(w.admin, p.ID, "one more"))
	require.NoError(t, w.AddProjectTag(w.admin, p.ID, "79"), "that is one of them")
}

func TestTagsAreSeenInTheProjectAndChangedByManagers(t *testing.T) {
	w := newWorld(t)
	p := w.project(t, "web", "")
	require.NoError(t, w.AddProjectTag(w.admin, p.ID, "red"))
	reader := as(t.Context(), auth.Claims{Project: auth.Ref{ID: p.ID}, Domain: auth.Ref{ID: "default"}}, "reader")
	require.NoError(t, w.CheckProjectTag(reader, p.ID, "red"))
	kind(t, errs.NotFound, w.CheckProjectTag(reader, p.ID, "blue"))
	kind(t, errs.Forbidden, w.RemoveProjectTag(reader, p.ID, "red"))
	elsewhere := as(t.Context(), auth.Claims{Project: auth.Ref{ID: "other"}, Domain: auth.Ref{ID: "default"}}, "reader")
	kind(t, errs.Forbidden, w.CheckProjectTag(elsewhere, p.ID, "red"))
	manager := as(t.Context(), auth.Claims{Domain: auth.Ref{ID: "default"}}, "manager")
	require.NoError(t, w.RemoveProjectTag(manager, p.ID, "red"))
	kind(t, errs.NotFound, w.ClearProjectTags(w.admin, "none"))
}

func TestFamiliesOfProjects(t *testing.T) {
	w := newWorld(t)
	top := w.project(t, "top", "")
	mid := w.project(t, "mid", top.ID)
	low := w.project(t, "low", mid.ID)
	names := func(all []identity.Project, err error) (out []string) {
		require.NoError(t, err)
		for _, p := range all {
			out = append(out, p.Name)
		}
		return out
	}
	require.Equal(t, []string{"mid", "top"}, names(w.ProjectParents(w.admin, low.ID)))
	require.Equal(t, []string{"low", "mid"}, names(w.ProjectSubtree(w.admin, top.ID)))
	require.Empty(t, names(w.ProjectSubtree(w.admin, low.ID)))
	_, err := w.ProjectSubtree(w.admin, "none")
	kind(t, errs.NotFound, err)
	_, err = w.ProjectParents(as(t.Context(), auth.Claims{Project: auth.Ref{ID: "other"}}, "reader"), low.ID)
	kind(t, errs.Forbidden, err)
}

// What the API was told beside what it knows is kept, changed and forgotten by name.
func TestUnknownAttributesAreKept(t *testing.T) {
	w := newWorld(t)
	p, err := w.CreateProject(w.admin, identity.CreateProject{Name: "x", DomainID: "default", Extra: map[string]any{"a": "1", "b": []any{"2"}, "c": nil}})
	require.NoError(t, err)
	require.Equal(t, map[string]any{"a": "1", "b": []any{"2"}}, p.Extra)
	_, err = w.UpdateProject(w.admin, p.ID, identity.UpdateProject{Extra: map[string]any{"a": nil, "d": true}})
	require.NoError(t, err)
	p, err = w.GetProject(w.admin, p.ID)
	require.NoError(t, err)
	require.Equal(t, map[string]any{"b": []any{"2"}, "d": true}, p.Extra)
}
