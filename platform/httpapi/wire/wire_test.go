package wire_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/cumulite/cumulite/platform/httpapi/microversion"
	"github.com/cumulite/cumulite/platform/httpapi/schema"
	"github.com/cumulite/cumulite/platform/httpapi/wire"
	"github.com/cumulite/cumulite/platform/secret"
)

type link struct {
	Rel  string `json:"rel"`
	Href string `json:"href"`
}

type server struct {
	ID       string            `json:"id" api:"readonly"`
	Name     string            `json:"name" api:"required,min=1,max=8"`
	Flavor   string            `json:"flavorRef,omitempty" api:"format=uuid"`
	Tags     []string          `json:"tags" since:"2.26" api:"max=2"`
	Old      *string           `json:"old" until:"2.30"`
	Links    []link            `json:"links"`
	Meta     map[string]string `json:"metadata"`
	Created  time.Time         `json:"created,omitzero"`
	Count    int               `json:"count,omitempty" api:"min=1,max=10"`
	Mode     string            `json:"mode,omitempty" api:"enum=auto|manual,nullable"`
	Password secret.String     `json:"adminPass,omitzero"`
}

type body struct {
	Server server `json:"server" api:"required"`
}

func TestEncodeShowsEachVersionItsFields(t *testing.T) {
	var c wire.Codec
	s := server{ID: "1", Name: "a\n<b>"}
	enc := func(at string) string {
		b, err := c.Encode(body{s}, microversion.V(at))
		require.NoError(t, err)
		return string(b)
	}
	require.JSONEq(t, `{"server":{"id":"1","name":"a\n<b>","old":null,"links":[],"metadata":{}}}`, enc("2.1"))
	require.JSONEq(t, `{"server":{"id":"1","name":"a\n<b>","old":null,"tags":[],"links":[],"metadata":{}}}`, enc("2.26"))
	require.JSONEq(t, `{"server":{"id":"1","name":"a\n<b>","tags":[],"links":[],"metadata":{}}}`, enc("2.31"))
}

func TestVersionlessAPIHasEveryField(t *testing.T) {
	var c wire.Codec
	b, err := c.Encode(server{}, microversion.Version{})
	require.NoError(t, err)
	require.Contains(t, string(b), `"tags"`)
	require.Contains(t, string(b), `"old"`)
}

type node struct {
	Name  string         `json:"name"`
	Below []node         `json:"below,omitempty"`
	Any   any            `json:"any"`
	Extra map[string]any `json:"-" api:"inline"`
}

func TestEncodeInlineRecursiveAndAny(t *testing.T) {
	var c wire.Codec
	n := node{Name: "a", Below: []node{{Name: "b"}}, Any: []any{1, server{Name: "x"}.Links}, Extra: map[string]any{"z": 1.5, "é": nil}}
	b, err := c.Encode(&n, microversion.V("2.1"))
	require.NoError(t, err)
	require.JSONEq(t, `{"name":"a","below":[{"name":"b","any":null}],"any":[1,[]],"z":1.5,"é":null}`, string(b))
	b, err = c.Encode(struct {
		E map[string]string `json:"-" api:"inline"`
	}{map[string]string{"only": "1"}}, microversion.V("2.1"))
	require.NoError(t, err)
	require.JSONEq(t, `{"only":"1"}`, string(b))
	b, err = c.Encode(nil, microversion.Version{})
	require.NoError(t, err)
	require.Equal(t, "null", string(b))
}

func TestEncodeHidesSecretsAndReportsFailures(t *testing.T) {
	var c wire.Codec
	b, err := c.Encode(server{Password: secret.New("canary")}, microversion.V("2.1"))
	require.NoError(t, err)
	require.NotContains(t, string(b), "canary")
	_, err = c.Encode([]any{make(chan int)}, microversion.V("2.1"))
	require.Error(t, err)
}

type mixed struct {
	S string             `json:"s"`
	I int64              `json:"i"`
	B bool               `json:"b"`
	F float64            `json:"f"`
	P *int               `json:"p"`
	M map[string]float64 `json:"m,omitempty"`
	L []string           `json:"l,omitempty"`
	R json.RawMessage    `json:"r,omitempty"`
	Y []byte             `json:"y"`
}

// Where no tag of ours is used and nothing is nil, the encoder says what encoding/json says.
func TestEncodeAgreesWithEncodingJSON(t *testing.T) {
	var c wire.Codec
	rapid.Check(t, func(t *rapid.T) {
		m := mixed{S: rapid.String().Draw(t, "s"), I: rapid.Int64().Draw(t, "i"), F: rapid.Float64Range(-1e9, 1e9).Draw(t, "f"),
			M: rapid.MapOf(rapid.String(), rapid.Float64Range(0, 1)).Draw(t, "m"), L: rapid.SliceOf(rapid.String()).Draw(t, "l"), Y: []byte{1}}
		if rapid.Bool().Draw(t, "p") {
			m.P, m.B, m.R = new(int), true, json.RawMessage(`{"a": [1]}`)
		}
		want, err := json.Marshal(m)
		require.NoError(t, err)
		got, err := c.Encode(m, microversion.V("2.1"))
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(got))
	})
}

func check(t *testing.T, in any, at, doc string, loose bool) *schema.Problem {
	t.Helper()
	var c wire.Codec
	parsed, err := wire.Parse([]byte(doc), 64, 1000)
	require.NoError(t, err)
	p, err := schema.New(c.Schema(reflect.TypeOf(in), wire.Shape{At: microversion.V(at), Loose: loose})).Check(parsed)
	require.NoError(t, err)
	return p
}

func TestValidatorWordsProblemsAsTheOriginalsDo(t *testing.T) {
	for doc, want := range map[string]string{
		`{}`:                                                 "'server' is a required property",
		`{"server":{"name":""}}`:                             "'' is too short",
		`{"server":{"name":"ninechars"}}`:                    "'ninechars' is too long",
		`{"server":{"name":3}}`:                              "3 is not of type 'string'",
		`{"server":{"name":"a","count":0}}`:                  "0 is less than the minimum of 1",
		`{"server":{"name":"a","count":1.5}}`:                "1.5 is not of type 'integer'",
		`{"server":{"name":"a","mode":"x"}}`:                 "'x' is not one of ['auto', 'manual', None]",
		`{"server":{"name":"a","flavorRef":"x"}}`:            "'x' is not a 'uuid'",
		`{"server":{"name":"a","tags":["a","b","c"]}}`:       "['a', 'b', 'c'] is too long",
		`{"server":{"name":"a","zoo":1}}`:                    "Additional properties are not allowed ('zoo' was unexpected)",
		`{"server":{"name":"a","a":1,"b":2}}`:                "Additional properties are not allowed ('a', 'b' were unexpected)",
		`{"server":{"name":"a","id":"mine"}}`:                "Additional properties are not allowed ('id' was unexpected)",
		`{"server":{"name":"a","Name":"b"}}`:                 "Additional properties are not allowed ('Name' was unexpected)",
		`{"server":[true,null]}`:                             "[True, None] is not of type 'object'",
		`{"server":{"name":"a","metadata":{"k":{"x":"y"}}}}`: "{'x': ***} is not of type 'string'",
	} {
		p := check(t, body{}, "2.26", doc, false)
		require.NotNil(t, p, doc)
		require.Equal(t, want, p.Reason, doc)
	}
	require.Nil(t, check(t, body{}, "2.26", `{"server":{"name":"a","mode":null,"flavorRef":"`+strings.Repeat("0a", 16)+`"}}`, false))
	require.NotNil(t, check(t, body{}, "2.25", `{"server":{"name":"a","tags":[]}}`, false), "tags came with 2.26")
	require.Nil(t, check(t, body{}, "2.25", `{"server":{"name":"a","tags":[]}}`, true), "unknown fields pass when loose")
	require.Equal(t, []string{"server", "name"}, check(t, body{}, "2.1", `{"server":{"name":3}}`, false).Path)
}

func TestProblemsNeverShowSecrets(t *testing.T) {
	for _, doc := range []string{
		`{"server":{"name":"a","adminPass":{"x":"canary"}}}`,
		`{"server":{"name":"a","adminPass":["canary"]}}`,
		`{"server":{"name":"a","adminPas":"canary"}}`,
		`{"server":{"adminPass":"canary"}}`,
		`{"password":"canary"}`,
		`{"server":["canary"]}`,
	} {
		p := check(t, body{}, "2.1", doc, false)
		require.NotNil(t, p, doc)
		if doc != `{"server":["canary"]}` { // not where a secret is expected
			require.NotContains(t, p.Reason+p.Value, "canary", doc)
		}
	}
	p := check(t, body{}, "2.1", `{"server":{"name":"`+strings.Repeat("é", 5000)+`"}}`, false)
	require.Less(t, len(p.Reason), 1200, "messages are bounded")
}

func decode(t *testing.T, doc string, at string, dst any) {
	t.Helper()
	var c wire.Codec
	parsed, err := wire.Parse([]byte(doc), 64, 1000)
	require.NoError(t, err)
	require.NoError(t, c.Decode(parsed, microversion.V(at), dst))
}

func TestDecodeTakesOnlyWhatWasValidated(t *testing.T) {
	var b body
	decode(t, `{"SERVER":{"name":"evil"},"server":{"ID":"evil","id":"evil","count":7,"adminPass":"s","metadata":{"Name":"x"}},
		"server":{"name":"good","tags":["t"],"created":"2030-01-01T00:00:00Z"}}`, "2.1", &b)
	require.Equal(t, server{Name: "good", Created: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}, b.Server,
		"the last of a repeated name, no other case, nothing read-only, nothing of other versions")
}

func TestDecodeInlineAndNested(t *testing.T) {
	var n node
	decode(t, `{"name":"a","below":[{"name":"b","x":1}],"y":{"z":[true]}}`, "2.1", &n)
	require.Equal(t, "a", n.Name)
	require.Equal(t, map[string]any{"y": map[string]any{"z": []any{true}}}, n.Extra)
	require.Equal(t, map[string]any{"x": 1.0}, n.Below[0].Extra)
	var m map[string]*link
	decode(t, `{"a":{"rel":"self"},"b":null}`, "2.1", &m)
	require.Equal(t, map[string]*link{"a": {Rel: "self"}, "b": nil}, m)
}

type patch struct {
	Name  wire.Optional[string] `json:"name,omitzero" api:"max=3,nullable"`
	Links wire.Optional[[]link] `json:"links,omitzero"`
	Size  wire.Optional[int]    `json:"size,omitzero"`
}

func TestOptionalTellsLeftOutFromNull(t *testing.T) {
	var p patch
	decode(t, `{"name":null,"links":[{"rel":"x","REL":"y"}]}`, "2.1", &p)
	require.True(t, p.Name.Set && p.Name.Null && p.Links.Set)
	require.Nil(t, p.Name.Ptr())
	require.Equal(t, []link{{Rel: "x"}}, p.Links.Value)
	require.False(t, p.Size.Set)
	require.Equal(t, 5, p.Size.Or(5))
	require.Equal(t, 7, *wire.Optional[int]{Set: true, Value: 7}.Ptr())

	b, err := json.Marshal(p)
	require.NoError(t, err)
	require.JSONEq(t, `{"name":null,"links":[{"rel":"x","href":""}]}`, string(b))
	var again patch
	require.NoError(t, json.Unmarshal(b, &again))
	require.Equal(t, p, again)

	require.Nil(t, check(t, patch{}, "2.1", `{"name":null}`, false))
	require.NotNil(t, check(t, patch{}, "2.1", `{"size":null}`, false), "only what says nullable may be null")
	require.Equal(t, "'long' is too long", check(t, patch{}, "2.1", `{"name":"long"}`, false).Reason)
}

func TestParseBoundsDepthAndNames(t *testing.T) {
	_, err := wire.Parse([]byte(strings.Repeat("[", 65)+strings.Repeat("]", 65)), 64, 10)
	require.Error(t, err)
	_, err = wire.Parse([]byte(strings.Repeat("[", 64)+strings.Repeat("]", 64)), 64, 10)
	require.NoError(t, err)
	_, err = wire.Parse([]byte(`{"a":1,"b":2}`), 64, 1)
	require.Error(t, err)
	_, err = wire.Parse([]byte(`{"a":"[[[:::\"[["}`), 1, 1)
	require.NoError(t, err, "what stands in strings does not count")
	_, err = wire.Parse([]byte(`"\\u0000"`), 1, 1)
	require.NoError(t, err, "this is a backslash before letters")
	for _, bad := range []string{``, `{`, `{} {}`, `{"a":}`, "{} x", "\"\xff\"", `"a\u0000"`, `"\\\u0000"`} {
		_, err = wire.Parse([]byte(bad), 64, 10)
		require.Error(t, err, bad)
	}
}

func BenchmarkEncodeThousandServers(b *testing.B) {
	type wide struct {
		A1, A2, A3, A4, A5, A6, A7, A8, A9, A10 string
		B1, B2, B3, B4, B5, B6, B7, B8, B9, B10 int
		C1, C2, C3, C4, C5                      *string
		D1, D2, D3, D4, D5                      bool
		E1, E2                                  []link
		F1, F2                                  map[string]string
		G1                                      time.Time
		H1                                      string `json:"h1" since:"2.19"`
		H2                                      string `json:"h2" until:"2.36"`
		I1, I2, I3                              any
	}
	list := make([]wide, 1000)
	for i := range list {
		list[i] = wide{A1: "8a2f1c6e-0000-4000-8000-000000000000", A2: "server", C1: new(string), G1: time.Unix(1e9, 0).UTC(),
			E1: []link{{"self", "http://127.0.0.1:5000/compute/v2.1/servers/x"}}, F1: map[string]string{"a": "b", "c": "d"}, I1: "x", I2: 3}
	}
	var c wire.Codec
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Encode(map[string]any{"servers": list}, microversion.V("2.40")); err != nil {
			b.Fatal(err)
		}
	}
}
