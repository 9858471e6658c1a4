package computeapi

import (
	"fmt"
	"net/http"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi/discovery"
	"github.com/cumulite/cumulite/platform/httpapi/fault"
	"github.com/cumulite/cumulite/platform/httpapi/listquery"
	"github.com/cumulite/cumulite/platform/httpapi/schema"
)

// faults is Nova's format: {"itemNotFound": {"code": 404, "message": …}}.
func faults() fault.Format {
	return fault.Format{
		Statuses: map[errs.Kind]int{errs.NotSupported: http.StatusBadRequest},
		Dress:    dress,
		Invalid:  invalid,
		Internal: "Unexpected API Error.",

		Malformed: "Malformed request body",
		MediaType: "Unsupported Content-Type",
	}
}

var novaNames = map[int]string{400: "badRequest", 401: "unauthorized", 403: "forbidden", 404: "itemNotFound",
	405: "badMethod", 409: "conflictingRequest", 413: "overLimit", 415: "badMediaType", 429: "overLimit",
	501: "notImplemented", 503: "serviceUnavailable"}

func dress(f fault.Fault) (string, []byte) {
	name := novaNames[f.Status]
	if name == "" {
		name = "computeFault"
	}
	inner := map[string]any{"code": f.Status, "message": f.Message}
	if f.RetryAfter > 0 && (f.Status == 413 || f.Status == 429) {
		inner["retryAfter"] = fmt.Sprint(f.RetryAfter)
	}
	return fault.JSON(map[string]any{name: inner})
}

func invalid(p schema.Problem) string {
	if len(p.Path) == 0 {
		return p.Reason
	}
	return fmt.Sprintf("Invalid input for field/attribute %s. Value: %s. %s", p.Path[len(p.Path)-1], p.Value, p.Reason)
}

// lists is how Nova reads the parameters of lists.
var lists = listquery.Manner{
	Limit: func(text string) error {
		return errs.Invalidf("Invalid input for query parameters limit. Value: %[1]s. '%[1]s' does not match '^[0-9]*$'", text)
	},
	Fit: func(keys, directions int) error {
		if directions > max(keys, 1) {
			return errs.Invalidf("Invalid input received: Sort direction size exceeds sort key size")
		}
		return nil
	},
	Direction: func(string) error {
		return errs.Invalidf("Invalid input received: Unknown sort direction, must be 'desc' or 'asc'")
	},
}

// versions are Nova's documents. The version before is v2.0, where it is served.
func versions() *discovery.Document {
	entry := func(p discovery.Place) map[string]any {
		return map[string]any{"id": "v2.1", "status": "CURRENT", "version": p.Set.Max.String(), "min_version": p.Set.Min.String(), "updated": "2013-07-23T11:33:21Z", "links": discovery.Links(p.URL + p.Root + "/")}
	}
	old := func(p discovery.Place) map[string]any {
		return map[string]any{"id": "v2.0", "status": "SUPPORTED", "version": "", "min_version": "", "updated": "2011-01-21T11:33:21Z", "links": discovery.Links(p.URL + p.OldRoot + "/")}
	}
	whole := func(v map[string]any, mediaType string) (int, any) {
		v["links"] = append(v["links"].([]map[string]any), map[string]any{"rel": "describedby", "type": "text/html", "href": "http://docs.openstack.org/"})
		v["media-types"] = discovery.MediaTypes(mediaType)
		return http.StatusOK, map[string]any{"version": v}
	}
	return &discovery.Document{
		List: func(p discovery.Place) (int, any) {
			list := []map[string]any{entry(p)}
			if p.OldRoot != "" {
				list = []map[string]any{old(p), entry(p)}
			}
			return http.StatusOK, map[string]any{"versions": list}
		},
		Show: func(p discovery.Place) (int, any) {
			return whole(entry(p), "application/vnd.openstack.compute+json;version=2.1")
		},
		ShowOld: func(p discovery.Place) (int, any) {
			return whole(old(p), "application/vnd.openstack.compute+json;version=2")
		},
	}
}
