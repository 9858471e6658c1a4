package networkapi

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi/discovery"
	"github.com/cumulite/cumulite/platform/httpapi/fault"
	"github.com/cumulite/cumulite/platform/httpapi/listquery"
	"github.com/cumulite/cumulite/platform/httpapi/schema"
)

// faults is Neutron's format: {"NeutronError": {"type": …, "message": …, "detail": ""}}.
func faults() fault.Format {
	return fault.Format{
		Statuses: map[errs.Kind]int{errs.Quota: http.StatusConflict},
		Dress:    dress,
		Invalid:  invalid,
		Internal: "Request Failed: internal server error while processing your request.",

		Malformed: "Malformed request body: cannot understand JSON",
		MediaType: "Unsupported Content-Type",
		NoAction:  "Unable to find '%[2]s' in request body",
	}
}

// faultTypes names faults whose error has no name of its own.
var faultTypes = map[int]string{400: "HTTPBadRequest", 403: "PolicyNotAuthorized", 404: "HTTPNotFound",
	405: "HTTPMethodNotAllowed", 409: "HTTPConflict", 412: "RevisionNumberConstraintFailed", 413: "HTTPRequestEntityTooLarge",
	415: "HTTPUnsupportedMediaType", 500: "HTTPInternalServerError", 501: "HTTPNotImplemented", 503: "HTTPServiceUnavailable", 504: "HTTPGatewayTimeout"}

func dress(f fault.Fault) (string, []byte) {
	name := f.Code
	switch {
	case name != "":
	case f.Kind == errs.Quota:
		name = "OverQuota"
	default:
		name = faultTypes[f.Status]
	}
	return fault.JSON(map[string]any{"NeutronError": map[string]any{"type": name, "message": f.Message, "detail": ""}})
}

func invalid(p schema.Problem) string {
	switch {
	case p.Missing != "":
		return fmt.Sprintf("Failed to parse request. Required attribute '%s' not specified", p.Missing)
	case p.ReadOnly && p.Method == http.MethodPut:
		return "Cannot update read-only attribute " + p.Unknown[0]
	case p.ReadOnly:
		return fmt.Sprintf("Attribute '%s' not allowed in %s", p.Unknown[0], p.Method)
	case p.Unknown != nil:
		return fmt.Sprintf("Unrecognized attribute(s) '%s'", strings.Join(p.Unknown, ", "))
	case len(p.Path) == 0:
		return p.Reason
	}
	return fmt.Sprintf("Invalid input for %s. Reason: %s.", attributeOf(p.Path), p.Reason)
}

// attributeOf gives the attribute that a value is in: it stands below the
// resource's name, in a bulk body below its position too.
func attributeOf(path []string) string {
	for _, step := range path[1:] {
		if strings.Trim(step, "0123456789") != "" {
			return step
		}
	}
	return path[0]
}

// lists is how Neutron reads the parameters of lists.
var lists = listquery.Manner{
	Limit: func(text string) error {
		return errs.Invalidf("Limit must be an integer 0 or greater and not '%s'", text)
	},
	Fit: func(keys, directions int) error {
		if keys != directions {
			return errs.Invalidf("The number of sort_keys and sort_dirs must be same")
		}
		return nil
	},
	Direction: func(text string) error {
		return errs.Invalidf("['%s'] is invalid value for sort_dirs, valid value is 'asc' and 'desc'", text)
	},
	Unknown: func(names []string) error {
		return errs.Invalidf("['%s'] is invalid attribute for filtering", strings.Join(names, "', '"))
	},
	Backwards: true,
}

// core are the resources that the root shows, with their collections.
var core = map[string]string{"network": "networks", "subnet": "subnets", "port": "ports"}

// versions are Neutron's documents.
func versions() *discovery.Document {
	return &discovery.Document{
		List: func(p discovery.Place) (int, any) {
			return http.StatusOK, map[string]any{"versions": []map[string]any{{"id": "v2.0", "status": "CURRENT", "links": discovery.Links(p.URL + p.Root + "/")}}}
		},
		Show: func(p discovery.Place) (int, any) {
			list := []map[string]any{}
			for _, name := range slices.Sorted(maps.Keys(core)) {
				c := core[name]
				list = append(list, map[string]any{"name": name, "collection": c, "links": discovery.Links(p.URL + p.Root + "/" + c)})
			}
			return http.StatusOK, map[string]any{"resources": list}
		},
	}
}
