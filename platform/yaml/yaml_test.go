package yaml_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/yaml"
)

func TestDecodeFillsStructsAndMaps(t *testing.T) {
	var c struct {
		Listen string
		Peers  []string
	}
	require.NoError(t, yaml.Decode([]byte("# where\nlisten: here\npeers: &p [a, b]\n"), &c))
	require.Equal(t, "here", c.Listen)
	require.Equal(t, []string{"a", "b"}, c.Peers)

	var m map[string]any
	require.NoError(t, yaml.Decode([]byte("a: &x {n: 1}\nb: *x\n"), &m))
	require.Equal(t, map[string]any{"a": map[string]any{"n": 1}, "b": map[string]any{"n": 1}}, m)
}

func TestDecodeLeavesValueAloneWithoutADocument(t *testing.T) {
	for _, doc := range []string{"", "\n\n", "# nothing\n"} {
		c := struct{ Listen string }{"here"}
		require.NoError(t, yaml.Decode([]byte(doc), &c), "%q", doc)
		require.Equal(t, "here", c.Listen)
	}
}

func TestDecodeRefusesAndNamesTheLine(t *testing.T) {
	for _, c := range []struct{ why, doc, says string }{
		{"duplicate key", "listen: a\nlisten: b\n", "line 2: mapping key \"listen\" already defined"},
		{"unknown field", "listen: a\nlissten: b\n", "line 2: field lissten not found"},
		{"wrong type", "\nlisten: [1]\n", "line 2: "},
		{"syntax", "listen: a\nb: @\n", "line 2: "},
		{"unknown alias", "listen: *a\n", "line 1: unknown anchor"},
		{"second document", "listen: a\n---\nlisten: b\n", "a second document"},
		{"broken second document", "listen: a\n---\nlisten: @\n", "line 3: "},
		{"bare exclamation mark", "listen: !\n", "line 1: tags are not taken"},
		{"nested tag", "listen: a\npeers:\n- !!str b\n", "line 3: tags are not taken"},
	} {
		var into struct {
			Listen string
			Peers  []string
		}
		require.ErrorContains(t, yaml.Decode([]byte(c.doc), &into), c.says, c.why)
	}
}

func TestDecodeBoundsSizeDepthAndAliases(t *testing.T) {
	var v any
	require.ErrorContains(t, yaml.Decode(make([]byte, yaml.MaxSize+1), &v), "larger than")
	require.NoError(t, yaml.Decode([]byte("#"+strings.Repeat("x", yaml.MaxSize-1)), &v))

	nested := func(n int) []byte { return []byte(strings.Repeat("[", n) + strings.Repeat("]", n)) }
	require.NoError(t, yaml.Decode(nested(yaml.MaxDepth), &v))
	require.ErrorContains(t, yaml.Decode(nested(yaml.MaxDepth+1), &v), "depth")

	laughs := "l0: &l0 [x, x, x, x]\n"
	for i := 1; i < 12; i++ {
		laughs += fmt.Sprintf("l%d: &l%d [*l%d, *l%d, *l%d, *l%d]\n", i, i, i-1, i-1, i-1, i-1)
	}
	require.ErrorContains(t, yaml.Decode([]byte(laughs), &v), "alias")
	require.Error(t, yaml.Decode([]byte("a: &a [*a]"), &v), "a value inside itself")
}

// Whatever the bytes, Decode returns, and what it takes it takes again.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("a: [b, {c: 'd'}]"))
	f.Add([]byte("a: &x !\nb: *x\n---\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var first, second any
		err := yaml.Decode(data, &first)
		require.Equal(t, err == nil, yaml.Decode(data, &second) == nil)
	})
}
