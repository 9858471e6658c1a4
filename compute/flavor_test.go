package compute_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// service gives a service on empty tables.
func service(t *testing.T) *compute.Service { return newWorld(t).Service }

// as gives a context whose caller has these roles on a project.
func as(t testing.TB, project string, roles ...string) context.Context {
	c := auth.Claims{User: auth.Ref{ID: "user-of-" + project}, Project: auth.Ref{ID: project}, Domain: auth.Ref{ID: "default"}}
	for _, r := range roles {
		c.Roles = append(c.Roles, auth.Ref{ID: r, Name: r})
	}
	return auth.With(t.Context(), auth.Authenticated(c))
}

func admin(t testing.TB) context.Context {
	return as(t, "admin", "admin", "manager", "member", "reader")
}
func member(t testing.TB) context.Context { return as(t, "p1", "member", "reader") }

func refused(t *testing.T, want errs.Kind, err error) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, want, errs.KindOf(err), "%v", err)
}

var tiny = compute.CreateFlavor{ID: "1", Name: "m1.tiny", VCPUs: 1, MemoryMiB: 512, DiskGiB: 1}

func TestFlavorComesBackAsItWasMade(t *testing.T) {
	s := service(t)
	made, err := s.CreateFlavor(admin(t), tiny)
	require.NoError(t, err)
	got, err := s.GetFlavor(member(t), "1")
	require.NoError(t, err)
	require.Equal(t, made, got)
	require.Equal(t, 1.0, got.RxTxFactor)
	require.True(t, got.Public)

	auto := tiny
	auto.ID, auto.Name = "auto", "made"
	f, err := s.CreateFlavor(admin(t), auto)
	require.NoError(t, err)
	require.Len(t, f.ID, 36)
}

func TestFlavorNamesAndIDsAreUnique(t *testing.T) {
	s := service(t)
	_, err := s.CreateFlavor(admin(t), tiny)
	require.NoError(t, err)
	_, err = s.CreateFlavor(admin(t), tiny)
	require.Equal(t, "Flavor with ID 1 already exists.", errs.Message(err))
	again := tiny
	again.ID = "2"
	_, err = s.CreateFlavor(admin(t), again)
	refused(t, errs.Conflict, err)
	require.Equal(t, "Flavor with name m1.tiny already exists.", errs.Message(err))
}

func TestBadFlavorsAreRefused(t *testing.T) {
	s := service(t)
	for name, change := range map[string]func(*compute.CreateFlavor){
		"slash in the id":  func(f *compute.CreateFlavor) { f.ID = "a/b" },
		"space at the end": func(f *compute.CreateFlavor) { f.ID = "a " },
		"no name":          func(f *compute.CreateFlavor) { f.Name = " " },
		"long name":        func(f *compute.CreateFlavor) { f.Name = strings.Repeat("x", 256) },
		"no vcpus":         func(f *compute.CreateFlavor) { f.VCPUs = 0 },
		"too much memory":  func(f *compute.CreateFlavor) { f.MemoryMiB = 1 << 31 },
		"negative disk":    func(f *compute.CreateFlavor) { f.DiskGiB = -1 },
		"negative factor":  func(f *compute.CreateFlavor) { f.RxTxFactor = -1 },
	} {
		in := tiny
		change(&in)
		_, err := s.CreateFlavor(admin(t), in)
		require.True(t, errs.Is(err, errs.Invalid), name)
	}
	list, _, err := s.ListFlavors(admin(t), compute.OwnFlavors, store.Query{})
	require.NoError(t, err)
	require.Empty(t, list)
}

func TestOnlyAdministratorsChangeFlavors(t *testing.T) {
	s := service(t)
	_, err := s.CreateFlavor(admin(t), tiny)
	require.NoError(t, err)
	ctx := member(t)
	for name, call := range map[string]func() error{
		"create":      func() error { _, err := s.CreateFlavor(ctx, tiny); return err },
		"describe":    func() error { _, err := s.DescribeFlavor(ctx, "1", nil); return err },
		"delete":      func() error { return s.DeleteFlavor(ctx, "1") },
		"set specs":   func() error { _, err := s.SetExtraSpecs(ctx, "1", nil); return err },
		"delete spec": func() error { return s.DeleteExtraSpec(ctx, "1", "a") },
		"access":      func() error { _, err := s.FlavorAccess(ctx, "1"); return err },
		"add":         func() error { _, err := s.AddFlavorAccess(ctx, "1", "p1"); return err },
		"remove":      func() error { _, err := s.RemoveFlavorAccess(ctx, "1", "p1"); return err },
	} {
		require.True(t, errs.Is(call(), errs.Forbidden), name)
	}
}

func TestPrivateFlavorExistsOnlyForThoseWithAccess(t *testing.T) {
	s := service(t)
	in := tiny
	in.Private = true
	_, err := s.CreateFlavor(admin(t), in)
	require.NoError(t, err)
	_, err = s.GetFlavor(member(t), "1")
	refused(t, errs.NotFound, err)
	require.Equal(t, "Flavor 1 could not be found.", errs.Message(err))

	projects, err := s.AddFlavorAccess(admin(t), "1", "p1")
	require.NoError(t, err)
	require.Equal(t, []string{"p1"}, projects)
	_, err = s.AddFlavorAccess(admin(t), "1", "p1")
	refused(t, errs.Conflict, err)
	_, err = s.GetFlavor(member(t), "1")
	require.NoError(t, err)
	list, more, err := s.ListFlavors(member(t), compute.OwnFlavors, store.Query{})
	require.NoError(t, err)
	require.False(t, more)
	require.Len(t, list, 1)
	list, _, err = s.ListFlavors(as(t, "p2", "member"), compute.OwnFlavors, store.Query{})
	require.NoError(t, err)
	require.Empty(t, list)

	projects, err = s.RemoveFlavorAccess(admin(t), "1", "p1")
	require.NoError(t, err)
	require.Empty(t, projects)
	_, err = s.RemoveFlavorAccess(admin(t), "1", "p1")
	refused(t, errs.NotFound, err)
	_, err = s.GetFlavor(member(t), "1")
	refused(t, errs.NotFound, err)
}

func TestAdministratorsListWhatTheyAskFor(t *testing.T) {
	s := service(t)
	hidden := tiny
	hidden.ID, hidden.Name, hidden.Private = "2", "hidden", true
	for _, in := range []compute.CreateFlavor{tiny, hidden} {
		_, err := s.CreateFlavor(admin(t), in)
		require.NoError(t, err)
	}
	list := func(ctx context.Context, of compute.FlavorsOf) (ids []string) {
		flavors, _, err := s.ListFlavors(ctx, of, store.Query{})
		require.NoError(t, err)
		for _, f := range flavors {
			ids = append(ids, f.ID)
		}
		return ids
	}
	require.Equal(t, []string{"1"}, list(admin(t), compute.OwnFlavors))
	require.Equal(t, []string{"2"}, list(admin(t), compute.PrivateFlavors))
	require.Equal(t, []string{"1", "2"}, list(admin(t), compute.AllFlavors))
	require.Equal(t, []string{"1"}, list(member(t), compute.PrivateFlavors))
	require.Equal(t, []string{"1"}, list(member(t), compute.AllFlavors))
}

func TestAccessIsForPrivateFlavors(t *testing.T) {
	s := service(t)
	_, err := s.CreateFlavor(admin(t), tiny)
	require.NoError(t, err)
	_, err = s.FlavorAccess(admin(t), "1")
	refused(t, errs.NotFound, err)
	_, err = s.AddFlavorAccess(admin(t), "1", "p1")
	refused(t, errs.Conflict, err)
}

func TestExtraSpecsAreSetAndRemovedOneByOne(t *testing.T) {
	s := service(t)
	_, err := s.CreateFlavor(admin(t), tiny)
	require.NoError(t, err)
	_, err = s.SetExtraSpecs(admin(t), "1", map[string]string{"hw:cpu_policy": "shared", "b": "2"})
	require.NoError(t, err)
	_, err = s.SetExtraSpecs(admin(t), "1", map[string]string{"b": "3"})
	require.NoError(t, err)
	require.NoError(t, s.DeleteExtraSpec(admin(t), "1", "hw:cpu_policy"))
	refused(t, errs.NotFound, s.DeleteExtraSpec(admin(t), "1", "hw:cpu_policy"))
	_, err = s.SetExtraSpecs(admin(t), "1", map[string]string{"a/b": "3"})
	refused(t, errs.Invalid, err)
	f, err := s.GetFlavor(member(t), "1")
	require.NoError(t, err)
	require.Equal(t, map[string]string{"b": "3"}, f.ExtraSpecs)
}

func TestDeletedFlavorIsGoneWithItsAccess(t *testing.T) {
	s := service(t)
	in := tiny
	in.Private = true
	for range 2 { // the second has none of the first one's access
		_, err := s.CreateFlavor(admin(t), in)
		require.NoError(t, err)
		projects, err := s.FlavorAccess(admin(t), "1")
		require.NoError(t, err)
		require.Empty(t, projects)
		_, err = s.AddFlavorAccess(admin(t), "1", "p1")
		require.NoError(t, err)
		require.NoError(t, s.DeleteFlavor(admin(t), "1"))
		refused(t, errs.NotFound, s.DeleteFlavor(admin(t), "1"))
	}
}

func TestDescriptionIsAllThatChanges(t *testing.T) {
	s := service(t)
	made, err := s.CreateFlavor(admin(t), tiny)
	require.NoError(t, err)
	text := "the smallest"
	_, err = s.DescribeFlavor(admin(t), "1", &text)
	require.NoError(t, err)
	got, err := s.GetFlavor(member(t), "1")
	require.NoError(t, err)
	require.Equal(t, text, *got.Description)
	got.Description, got.Version = made.Description, made.Version
	require.Equal(t, made, got)
}
