package policy

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/cumulite/cumulite/platform/auth"
)

// expression pairs a random expression, with parentheses everywhere, with what
// it must decide.
type expression struct {
	source string
	want   bool
}

func leaf(t *rapid.T) expression {
	return rapid.SampledFrom([]expression{
		{"@", true}, {"!", false}, {"role:Member", true}, {"role:admin", false}, {"project_id:%(project_id)s", true},
		{"user_id:%(gone)s", false}, {"'x%':%(x)s%%", true}, {"None:%(x)s", false}, {"field:n:x=~^[x]", true},
		{"1.5:%(n)s", true}, {"rule:yes", true},
	}).Draw(t, "leaf")
}

func draw(t *rapid.T, depth int) expression {
	if depth == 0 {
		return leaf(t)
	}
	a := draw(t, depth-1)
	switch rapid.IntRange(0, 3).Draw(t, "shape") {
	case 0:
		return expression{"not (" + a.source + ")", !a.want}
	case 1:
		b := draw(t, depth-1)
		return expression{"(" + a.source + ") and (" + b.source + ")", a.want && b.want}
	case 2:
		b := draw(t, depth-1)
		return expression{"(" + a.source + ") or (" + b.source + ")", a.want || b.want}
	}
	return leaf(t)
}

func compile(t require.TestingT, source string) check {
	l := &linker{sources: map[Action]string{"x": source, "yes": "@"}, done: map[Action]*linked{}}
	r, err := l.rule("x")
	require.NoError(t, err, source)
	return r.check
}

func TestExpressionsDecideWhatTheySay(t *testing.T) {
	g := auth.Authenticated(auth.Claims{User: auth.Ref{ID: "u"}, Project: auth.Ref{ID: "p"}, Roles: []auth.Ref{{Name: "member"}}})
	target := Target{"project_id": "p", "x": "x", "n": 1.5}
	rapid.Check(t, func(t *rapid.T) {
		e := draw(t, rapid.IntRange(0, 5).Draw(t, "depth"))
		require.Equal(t, e.want, compile(t, e.source).allows(g, target), e.source)
	})
}

// Whatever parses decides, and in parentheses the same.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", "@", "not (role:a or !) and user_id:%(x)s", "'a':%(b)s%%", "((1.5:%(x)s))", "field:a:b=~(c)+d",
		"rule:x or http://y", "a:b)and(c:d", "not not not None:%(x)s", "role:%(a", "\xff:(", "rule:a(b)c",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		if c, err := parse(source); err != nil {
			require.Nil(t, c)
			return
		}
		l := &linker{sources: map[Action]string{"x": source, "again": "not not (rule:x)"}, done: map[Action]*linked{}}
		if r, err := l.rule("again"); err == nil {
			target := Target{"x": "x", "b": "a"}
			require.Equal(t, l.done["x"].check.allows(auth.Grant{}, target), r.check.allows(auth.Grant{}, target), source)
		}
	})
}

func TestEveryAttributeIsDeniedWhereTheCallerLacksIt(t *testing.T) {
	nothing := auth.Authenticated(auth.Claims{})
	for name := range credentials {
		c, err := parse(name + ":%(x)s")
		require.NoError(t, err)
		for _, x := range []any{"", nil, "None"} {
			require.False(t, c.allows(nothing, Target{"x": x}), "%s %v", name, x)
		}
	}
}
