package fault

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"strings"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi/schema"
)

const (
	typeJSON   = "application/json"
	unexpected = "An unexpected error prevented the server from fulfilling your request."
	assumed    = " The server could not comply with the request since it is either malformed or otherwise incorrect. The client is assumed to be in error."
)

// Nova gives compute's format: {"itemNotFound": {"code": 404, "message": …}}.
func Nova() Format {
	return Format{
		Statuses: map[errs.Kind]int{errs.NotSupported: http.StatusBadRequest},
		Dress:    dressNova,
		Invalid:  invalidNova,
		Internal: "Unexpected API Error.",

		Malformed: "Malformed request body",
		MediaType: "Unsupported Content-Type",
	}
}

var novaNames = map[int]string{400: "badRequest", 401: "unauthorized", 403: "forbidden", 404: "itemNotFound",
	405: "badMethod", 409: "conflictingRequest", 413: "overLimit", 415: "badMediaType", 429: "overLimit",
	501: "notImplemented", 503: "serviceUnavailable"}

func dressNova(f Fault) (string, []byte) {
	if f.Status == http.StatusUnauthorized {
		return dressKeystone(f)
	}
	name := novaNames[f.Status]
	if name == "" {
		name = "computeFault"
	}
	inner := map[string]any{"code": f.Status, "message": f.Message}
	if f.RetryAfter > 0 && (f.Status == 413 || f.Status == 429) {
		inner["retryAfter"] = fmt.Sprint(f.RetryAfter)
	}
	return typeJSON, encode(map[string]any{name: inner})
}

func invalidNova(p schema.Problem) string {
	if len(p.Path) == 0 {
		return p.Reason
	}
	return fmt.Sprintf("Invalid input for field/attribute %s. Value: %s. %s", p.Path[len(p.Path)-1], p.Value, p.Reason)
}

// Keystone gives identity's format: {"error": {"code": 404, "message": …, "title": "Not Found"}}.
func Keystone() Format {
	return Format{
		Statuses: map[errs.Kind]int{errs.Unsupported: http.StatusBadRequest},
		Dress:    dressKeystone,
		Invalid:  invalidKeystone,
		Internal: unexpected,

		Malformed: "Expecting to find valid JSON in request body." + assumed,
		MediaType: "Expecting to find application/json in Content-Type header." + assumed,
	}
}

func dressKeystone(f Fault) (string, []byte) {
	return typeJSON, encode(map[string]any{"error": map[string]any{
		"code": f.Status, "message": f.Message, "title": http.StatusText(f.Status)}})
}

func invalidKeystone(p schema.Problem) string {
	if len(p.Path) == 0 {
		return p.Reason
	}
	return fmt.Sprintf("Invalid input for field '%s': %s", strings.Join(p.Path, "/"), p.Reason)
}

// Neutron gives network's format: {"NeutronError": {"type": …, "message": …, "detail": ""}}.
func Neutron() Format {
	return Format{
		Statuses: map[errs.Kind]int{errs.Quota: http.StatusConflict},
		Dress:    dressNeutron,
		Invalid:  invalidNeutron,
		Internal: "Request Failed: internal server error while processing your request.",

		Malformed: "Malformed request body: cannot understand JSON",
		MediaType: "Unsupported Content-Type",
		NoAction:  "Unable to find '%[2]s' in request body",
	}
}

// neutronTypes names faults whose error has no name of its own.
var neutronTypes = map[int]string{400: "HTTPBadRequest", 403: "PolicyNotAuthorized", 404: "HTTPNotFound",
	405: "HTTPMethodNotAllowed", 409: "HTTPConflict", 412: "RevisionNumberConstraintFailed", 413: "HTTPRequestEntityTooLarge",
	415: "HTTPUnsupportedMediaType", 500: "HTTPInternalServerError", 501: "HTTPNotImplemented", 503: "HTTPServiceUnavailable", 504: "HTTPGatewayTimeout"}

func dressNeutron(f Fault) (string, []byte) {
	if f.Status == http.StatusUnauthorized {
		return dressKeystone(f)
	}
	name := f.Code
	switch {
	case name != "":
	case f.Kind == errs.Quota:
		name = "OverQuota"
	default:
		name = neutronTypes[f.Status]
	}
	return typeJSON, encode(map[string]any{"NeutronError": map[string]any{"type": name, "message": f.Message, "detail": ""}})
}

func invalidNeutron(p schema.Problem) string {
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
	return fmt.Sprintf("Invalid input for %s. Reason: %s.", neutronAttribute(p.Path), p.Reason)
}

// neutronAttribute gives the attribute that a value is in: it stands below the
// resource's name, in a bulk body below its position too.
func neutronAttribute(path []string) string {
	for _, step := range path[1:] {
		if strings.Trim(step, "0123456789") != "" {
			return step
		}
	}
	return path[0]
}

// Glance gives image's format: a page, text or JSON as the caller asks for; HTML when it does not care.
func Glance() Format {
	return Format{
		Statuses: map[errs.Kind]int{errs.Quota: http.StatusRequestEntityTooLarge},
		Dress:    dressGlance,
		Invalid:  func(p schema.Problem) string { return "Provided object does not match schema 'image': " + p.Reason },
		Internal: unexpected,

		Malformed: "Malformed JSON in request body.",
		MediaType: "Unsupported Content-Type",
	}
}

func dressGlance(f Fault) (string, []byte) {
	if f.Status == http.StatusUnauthorized {
		return dressKeystone(f)
	}
	title := http.StatusText(f.Status)
	status := fmt.Sprintf("%d %s", f.Status, title)
	switch accept := f.Accept; {
	case accept == "" || strings.Contains(accept, "text/html") || strings.Contains(accept, "*/*"):
		return "text/html; charset=UTF-8", fmt.Appendf(nil, "<html>\n <head>\n  <title>%s</title>\n </head>\n"+
			" <body>\n  <h1>%s</h1>\n  %s<br /><br />\n\n\n\n </body>\n</html>", status, status, html.EscapeString(f.Message))
	case strings.Contains(accept, "json"):
		return typeJSON, encode(map[string]any{"message": f.Message + "<br /><br />\n\n\n", "code": status, "title": title})
	}
	return "text/plain; charset=UTF-8", fmt.Appendf(nil, "%s\n\n%s\n\n\n\n", status, f.Message)
}

// encode writes what always has an encoding.
func encode(v any) []byte {
	b, _ := json.Marshal(v)
	return b
}
