package cloud_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

var pathParameter = regexp.MustCompile(`\{([^}]*)\}`)

// What OpenAPI 3.1 asks of a document, as far as these use it.
func TestDocumentsAreOpenAPI31(t *testing.T) {
	w := newWorld(t)
	for prefix := range w.APIs() {
		var doc object
		require.NoError(t, json.Unmarshal(served(w, prefix), &doc))
		require.Subset(t, []string{"openapi", "info", "paths", "servers", "components"}, keysOf(doc), prefix)
		require.Equal(t, "http://127.0.0.1:5000"+prefix, at(doc, "servers", 0, "url"))
		schemes := at(doc, "components", "securitySchemes").(object)
		for path, item := range doc["paths"].(object) {
			checkPath(t, path, item.(object), schemes)
		}
	}
}

func checkPath(t *testing.T, path string, item object, schemes object) {
	require.True(t, strings.HasPrefix(path, "/"), path)
	var named, want []string
	for _, p := range item["parameters"].([]any) {
		checkParameter(t, path, p.(object))
		require.Equal(t, true, p.(object)["required"], path)
		named = append(named, p.(object)["name"].(string))
	}
	for _, m := range pathParameter.FindAllStringSubmatch(path, -1) {
		want = append(want, m[1])
	}
	require.Equal(t, want, named, path)
	for method, op := range item {
		if method != "parameters" {
			require.Contains(t, []string{"get", "put", "post", "delete", "head", "patch"}, method, path)
			checkOperation(t, method+" "+path, op.(object), schemes)
		}
	}
}

func checkOperation(t *testing.T, key string, op object, schemes object) {
	for name, r := range op["responses"].(object) {
		require.Regexp(t, `^(default|[1-5][0-9][0-9])$`, name, key)
		require.NotEmpty(t, r.(object)["description"], key)
		checkContent(t, key, r.(object)["content"])
	}
	if body, is := op["requestBody"].(object); is {
		require.NotEmpty(t, body["content"], key)
		checkContent(t, key, body["content"])
	}
	seen := map[string]bool{}
	parameters, _ := op["parameters"].([]any)
	for _, p := range parameters {
		checkParameter(t, key, p.(object))
		name := p.(object)["name"].(string)
		require.False(t, seen[name], "%s has %s twice", key, name)
		seen[name] = true
	}
	security, _ := op["security"].([]any)
	for _, s := range security {
		require.Subset(t, keysOf(schemes), keysOf(s.(object)), key)
	}
}

func checkParameter(t *testing.T, key string, p object) {
	require.Contains(t, []any{"path", "query"}, p["in"], key)
	require.NotEmpty(t, p["name"], key)
	checkSchema(t, key, p["schema"])
}

func checkContent(t *testing.T, key string, content any) {
	media, _ := content.(object)
	for name, m := range media {
		require.Contains(t, name, "/", key)
		checkSchema(t, key, m.(object)["schema"])
	}
}

// checkSchema holds a schema to JSON Schema 2020-12, the dialect of OpenAPI 3.1.
func checkSchema(t *testing.T, key string, schema any) {
	require.NotNil(t, schema, key)
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	require.NoError(t, c.AddResource("mem:schema", schema), key)
	_, err := c.Compile("mem:schema")
	require.NoError(t, err, key)
}

// at follows names and positions into a document.
func at(v any, steps ...any) any {
	for _, s := range steps {
		switch s := s.(type) {
		case string:
			v = v.(object)[s]
		case int:
			v = v.([]any)[s]
		}
	}
	return v
}

func keysOf(o object) (keys []string) {
	for k := range o {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
