package imageapi

import (
	"fmt"
	"html"
	"net/http"
	"strings"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi/discovery"
	"github.com/cumulite/cumulite/platform/httpapi/fault"
	"github.com/cumulite/cumulite/platform/httpapi/listquery"
	"github.com/cumulite/cumulite/platform/httpapi/schema"
	"github.com/cumulite/cumulite/platform/store"
)

// faults is Glance's format: a page, text or JSON as the caller asks for; HTML when it does not care.
func faults() fault.Format {
	return fault.Format{
		Statuses: map[errs.Kind]int{errs.Quota: http.StatusRequestEntityTooLarge},
		Dress:    dress,
		Invalid:  func(p schema.Problem) string { return "Provided object does not match schema 'image': " + p.Reason },
		Internal: "An unexpected error prevented the server from fulfilling your request.",

		Malformed: "Malformed JSON in request body.",
		MediaType: "Unsupported Content-Type",
	}
}

func dress(f fault.Fault) (string, []byte) {
	title := http.StatusText(f.Status)
	status := fmt.Sprintf("%d %s", f.Status, title)
	switch accept := f.Accept; {
	case accept == "" || strings.Contains(accept, "text/html") || strings.Contains(accept, "*/*"):
		return "text/html; charset=UTF-8", fmt.Appendf(nil, "<html>\n <head>\n  <title>%s</title>\n </head>\n"+
			" <body>\n  <h1>%s</h1>\n  %s<br /><br />\n\n\n\n </body>\n</html>", status, status, html.EscapeString(f.Message))
	case strings.Contains(accept, "json"):
		return fault.JSON(map[string]any{"message": f.Message + "<br /><br />\n\n\n", "code": status, "title": title})
	}
	return "text/plain; charset=UTF-8", fmt.Appendf(nil, "%s\n\n%s\n\n\n\n", status, f.Message)
}

// lists is how Glance reads the parameters of lists.
var lists = listquery.Manner{
	Limit: func(text string) error {
		if strings.HasPrefix(text, "-") {
			return errs.Invalidf("limit param must be positive")
		}
		return errs.Invalidf("limit param must be an integer")
	},
	Fit: func(keys, directions int) error {
		if directions > 1 && directions != keys {
			return errs.Invalidf("Number of sort dirs does not match the number of sort keys")
		}
		return nil
	},
	Direction: func(text string) error { return errs.Invalidf("Invalid sort direction: %s", text) },
	Filter:    filter,
	Pairs:     true,
}

var comparisons = map[string]store.Op{"eq": store.Eq, "neq": store.Neq, "gt": store.Gt, "gte": store.Gte, "lt": store.Lt, "lte": store.Lte}

// filter reads created_at=gt:2030-01-01, name=in:a,b, size_min=1 and
// tag=a&tag=b, which must all be there.
func filter(name string, values []string) []store.Filter {
	value := values[0]
	switch name {
	case "tag":
		var all []store.Filter
		for _, v := range values {
			all = append(all, store.Filter{Field: name, Values: []string{strings.TrimSpace(v)}})
		}
		return all
	case "size_min":
		return []store.Filter{{Field: "size", Op: store.Gte, Values: values[:1]}}
	case "size_max":
		return []store.Filter{{Field: "size", Op: store.Lte, Values: values[:1]}}
	case "created_at", "updated_at":
		word, rest, ok := strings.Cut(value, ":")
		if op, known := comparisons[word]; ok && known {
			return []store.Filter{{Field: name, Op: op, Values: []string{rest}}}
		}
	case "container_format", "disk_format", "id", "name", "status":
		if list, ok := strings.CutPrefix(value, "in:"); ok {
			return []store.Filter{{Field: name, Values: splitQuoted(list)}}
		}
	}
	return []store.Filter{{Field: name, Values: values[:1]}}
}

// splitQuoted splits at commas outside double quotes; \" stands for a quote within.
func splitQuoted(s string) []string {
	var out []string
	var word strings.Builder
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\' && i+1 < len(s):
			i++
			word.WriteByte(s[i])
		case c == ',' && !quoted:
			out = append(out, word.String())
			word.Reset()
		default:
			word.WriteByte(c)
		}
	}
	return append(out, word.String())
}

// older are the versions that are still spoken, under the root of the current one.
var older = []string{"v2.7", "v2.5", "v2.4", "v2.3", "v2.2", "v2.1", "v2.0"}

// versions are Glance's documents.
func versions() *discovery.Document {
	list := func(p discovery.Place) map[string]any {
		all := []map[string]any{{"id": "v2.9", "status": "CURRENT", "links": discovery.Links(p.URL + p.Root + "/")}}
		for _, o := range older {
			all = append(all, map[string]any{"id": o, "status": "SUPPORTED", "links": discovery.Links(p.URL + p.Root + "/")})
		}
		return map[string]any{"versions": all}
	}
	choices := func(p discovery.Place) (int, any) { return http.StatusMultipleChoices, list(p) }
	return &discovery.Document{List: choices, Show: choices, Versions: func(p discovery.Place) (int, any) { return http.StatusOK, list(p) }}
}
