package schema_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/httpapi/schema"
)

func number(s string) json.Number { return json.Number(s) }

type object = map[string]any

// thing has every keyword that services use beside those of struct tags.
var thing = object{
	"type": "object", "required": []string{"name", "kind"}, "additionalProperties": false, "minProperties": number("2"),
	"properties": object{
		"name":  object{"type": "string", "pattern": "^[a-z]+$"},
		"kind":  object{"oneOf": []any{object{"type": "integer", "maximum": number("4")}, object{"type": "string", "enum": []string{"auto"}}}},
		"hosts": object{"type": "array", "uniqueItems": true, "minItems": number("1"), "items": object{"type": "string", "format": "uuid"}},
		"pass":  object{"type": "string", "writeOnly": true, "minLength": number("9")},
		"none":  false,
		"count": object{"type": []any{"integer", "string"}, "minimum": number("1"), "maximum": number("9223372036854775807")},
		"seen":  object{"type": "string", "format": "date-time"},
	},
}

func check(t *testing.T, doc object) *schema.Problem {
	t.Helper()
	p, err := schema.New(thing).Check(doc)
	require.NoError(t, err)
	return p
}

func with(name string, value any) object {
	return object{"name": "a", "kind": "auto", name: value}
}

func TestKeywordsAreWordedAsPythonDoes(t *testing.T) {
	require.Nil(t, check(t, with("hosts", []any{"6F9619FF-8B86-D011-B42D-00CF4FC964FF", strings.Repeat("a", 32)})))
	require.Nil(t, check(t, with("kind", number("3"))))
	for _, count := range []any{number("1"), "1", "9223372036854775807", "", "many"} {
		require.Nil(t, check(t, with("count", count)), "what text is no number is for a pattern")
	}
	for _, c := range []struct {
		name  string
		value any
		want  string
	}{
		{"name", "A", "'A' does not match '^[a-z]+$'"},
		{"hosts", []any{}, "[] is too short"},
		{"hosts", []any{"x"}, "'x' is not a 'uuid'"},
		{"hosts", []any{strings.Repeat("a", 32), strings.Repeat("a", 32)}, " has non-unique elements"},
		{"seen", "noon", "'noon' is not a 'date-time'"},
		{"kind", number("9"), "9 is greater than the maximum of 4"},
		{"count", "0", "'0' is less than the minimum of 1"},
		{"count", number("0"), "0 is less than the minimum of 1"},
		{"count", "9223372036854775808", "'9223372036854775808' is greater than the maximum of 9223372036854775807"},
		{"none", nil, "Additional properties are not allowed ('none' was unexpected)"},
	} {
		p := check(t, with(c.name, c.value))
		require.NotNil(t, p, c.want)
		require.Contains(t, p.Reason, c.want)
	}
}

func TestMissingAndUnknownNamesAreGivenApart(t *testing.T) {
	p := check(t, object{})
	require.Equal(t, "kind", p.Missing, "the first by name, so that the same mistake reads the same")
	require.Equal(t, "'kind' is a required property", p.Reason)
	p = check(t, object{"zoo": 1, "name": "a", "kind": "auto", "ant": 1})
	require.Equal(t, []string{"ant", "zoo"}, p.Unknown)
}

func TestSecretsStayOutOfReasons(t *testing.T) {
	p := check(t, with("pass", "canary"))
	require.Equal(t, schema.Problem{Path: []string{"pass"}, Value: "***", Reason: "*** is too short"}, *p)
	p, err := schema.New(object{"type": "object", "maxProperties": number("1"), "properties": thing["properties"]}).Check(object{"pass": "canary", "extra": "canary"})
	require.NoError(t, err)
	require.Equal(t, "{'extra': ***, 'pass': ***} has too many properties", p.Reason)
}

func TestReasonsAreBounded(t *testing.T) {
	doc := with("x", 1)
	for i := range 1000 {
		doc[strings.Repeat("y", i+1)] = true
	}
	p := check(t, doc)
	require.Less(t, len(p.Reason)+len(p.Value), 4000)
}

func TestASchemaThatIsNoneIsAnError(t *testing.T) {
	_, err := schema.New(object{"type": "nonsense"}).Check(object{})
	require.Error(t, err)
	_, err = schema.New(object{"pattern": "("}).Check(object{})
	require.Error(t, err)
}

func BenchmarkFirstCheck(b *testing.B) {
	for b.Loop() {
		if _, err := schema.New(thing).Check(with("hosts", nil)); err != nil {
			b.Fatal(err)
		}
	}
}
