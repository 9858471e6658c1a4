package network_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/errs"
)

func TestTagsOfAllKinds(t *testing.T) {
	s := newSite(t)
	n, sub := s.network(s.ann, "10.0.0.0/24")
	p := s.port(s.ann, n)
	r := s.router(nil)
	for of, id := range map[string]string{"networks": n.ID, "subnets": sub.ID, "ports": p.ID, "routers": r.ID, "security-groups": p.Groups[0]} {
		got := ok(s.SetTags(s.ann, of, id, []string{"b", "a", "b"}))(s)
		require.Equal(t, []string{"a", "b"}, got, of)
		require.NoError(t, s.AddTag(s.ann, of, id, "c"))
		require.NoError(t, s.AddTag(s.ann, of, id, "c"), "a second time is harmless")
		require.NoError(t, s.RemoveTag(s.ann, of, id, "a"))
		s.requireFault(s.RemoveTag(s.ann, of, id, "a"), errs.NotFound, "TagNotFound")
		require.Equal(t, []string{"b", "c"}, ok(s.Tags(s.ann, of, id))(s), of)
		for _, bad := range []string{"", strings.Repeat("x", 256)} {
			require.Equal(t, errs.Invalid, errs.KindOf(s.AddTag(s.ann, of, id, bad)))
		}
		require.Equal(t, errs.NotFound, errs.KindOf(s.AddTag(s.bob, of, id, "x")))
		require.Equal(t, errs.Forbidden, errs.KindOf(s.AddTag(s.reader, of, id, "x")))
	}
	require.EqualValues(t, 5, ok(s.GetNetwork(s.ann, n.ID))(s).Version, "each change of tags is a revision")
	_, err := s.Tags(s.ann, "flavors", n.ID)
	require.Equal(t, errs.NotFound, errs.KindOf(err))
}
