package identityapi

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi/discovery"
	"github.com/cumulite/cumulite/platform/httpapi/fault"
	"github.com/cumulite/cumulite/platform/httpapi/listquery"
	"github.com/cumulite/cumulite/platform/httpapi/schema"
	"github.com/cumulite/cumulite/platform/store"
)

const assumed = " The server could not comply with the request since it is either malformed or otherwise incorrect. The client is assumed to be in error."

// faults is Keystone's format: {"error": {"code": 404, "message": …, "title": "Not Found"}}.
func faults() fault.Format {
	return fault.Format{
		Statuses: map[errs.Kind]int{errs.Unsupported: http.StatusBadRequest},
		Dress:    fault.Titled,
		Invalid:  invalid,
		Internal: "An unexpected error prevented the server from fulfilling your request.",

		Malformed: "Expecting to find valid JSON in request body." + assumed,
		MediaType: "Expecting to find application/json in Content-Type header." + assumed,
	}
}

func invalid(p schema.Problem) string {
	if len(p.Path) == 0 {
		return p.Reason
	}
	return fmt.Sprintf("Invalid input for field '%s': %s", strings.Join(p.Path, "/"), p.Reason)
}

// lists is how Keystone reads the parameters of lists.
var lists = listquery.Manner{
	Limit: func(text string) error {
		return errs.Invalidf("Invalid input for field 'limit': '%s' does not match '^[0-9]+$'", text)
	},
	Direction: func(string) error {
		return errs.Invalidf("Invalid input received: Unknown sort direction, must be 'desc' or 'asc'")
	},
	Filter: filter,
}

var comparators = map[string]store.Op{"contains": store.Contains, "startswith": store.Prefix, "endswith": store.Suffix}

// foldedForms are the comparisons of letters in either case, as regular expressions.
var foldedForms = map[string]string{"icontains": "(?i)%s", "istartswith": "(?i)^%s", "iendswith": "(?i)%s$"}

// filter reads name__contains=x, once for each value.
func filter(name string, values []string) (all []store.Filter) {
	field, comparator, _ := strings.Cut(name, "__")
	for _, v := range values {
		f := store.Filter{Field: field, Values: []string{v}}
		if op, known := comparators[comparator]; known {
			f.Op = op
		} else if form, known := foldedForms[comparator]; known {
			f.Op, f.Values[0] = store.Regexp, fmt.Sprintf(form, regexp.QuoteMeta(v))
		} else {
			f.Field = name
		}
		all = append(all, f)
	}
	return all
}

// versions are Keystone's documents.
func versions() *discovery.Document {
	entry := func(p discovery.Place) map[string]any {
		return map[string]any{"id": "v3.14", "status": "stable", "updated": "2020-04-07T00:00:00Z", "links": discovery.Links(p.URL + p.Root + "/"), "media-types": discovery.MediaTypes("application/vnd.openstack.identity-v3+json")}
	}
	return &discovery.Document{
		List: func(p discovery.Place) (int, any) {
			return http.StatusMultipleChoices, map[string]any{"versions": map[string]any{"values": []map[string]any{entry(p)}}}
		},
		Show: func(p discovery.Place) (int, any) { return http.StatusOK, map[string]any{"version": entry(p)} },
	}
}
