// Package cloudapi serves what the original has no API for: what those who
// operate a cloud ask of it, below /cumulite/v1.
//
//	api, err := cloudapi.New(examine, overrides, httpapi.Config{Prefix: "/cumulite", PublicURL: url, Verifier: identity})
package cloudapi

import (
	"context"
	"net/http"

	"github.com/cumulite/cumulite/platform/doctor"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/httpapi/discovery"
	"github.com/cumulite/cumulite/platform/httpapi/fault"
	"github.com/cumulite/cumulite/platform/httpapi/schema"
	"github.com/cumulite/cumulite/platform/policy"
)

// The actions on a cloud as a whole.
const (
	ActionExamine policy.Action = "cumulite:doctor:examine"
	ActionRepair  policy.Action = "cumulite:doctor:repair"
)

// Policies gives the default rules.
func Policies() []policy.Rule {
	return []policy.Rule{
		{Action: ActionExamine, Check: "role:admin", Doc: "Examine what must always hold of the cloud."},
		{Action: ActionRepair, Check: "role:admin", Doc: "Mend what does not hold of the cloud."},
	}
}

// Examine examines a cloud, whoever asks.
type Examine func(ctx context.Context, o doctor.Options) (doctor.Report, error)

type handler struct {
	examine Examine
	policy  *policy.Enforcer
}

// New gives the API. Of cfg the caller sets where it is (Prefix, PublicURL,
// IdentityURL), who verifies tokens, logger, metrics and clock.
func New(examine Examine, overrides *policy.Overrides, cfg httpapi.Config) (*httpapi.API, error) {
	rules, err := policy.New(Policies(), overrides)
	if err != nil {
		return nil, err
	}
	h := handler{examine, rules}
	cfg.Service, cfg.Title, cfg.Root, cfg.Fault, cfg.Document = "cumulite", "Cumulite API", "/v1", faults(), versions()
	cfg.Limits.Timeout = doctorTimeout
	return httpapi.New(cfg, []httpapi.Route{
		{Method: "GET", Pattern: "/doctor", Action: ActionExamine, Response: Report{}, Handle: h.show},
		{Method: "POST", Pattern: "/doctor", Action: ActionRepair, Request: Order{}, Response: Report{}, Handle: httpapi.Body(h.order)},
	})
}

// versions are {"versions": [{"id": "v1", …}]}, and {"version": {"id": "v1", …}}.
func versions() *discovery.Document {
	v1 := func(p discovery.Place) map[string]any {
		return map[string]any{"id": "v1", "status": "CURRENT", "links": discovery.Links(p.URL + p.Root + "/")}
	}
	return &discovery.Document{
		List: func(p discovery.Place) (int, any) {
			return http.StatusOK, map[string]any{"versions": []map[string]any{v1(p)}}
		},
		Show: func(p discovery.Place) (int, any) { return http.StatusOK, map[string]any{"version": v1(p)} },
	}
}

// faults are {"error": {"code": 403, "title": "Forbidden", "message": "…"}}.
func faults() fault.Format {
	return fault.Format{
		Dress:     fault.Titled,
		Invalid:   func(p schema.Problem) string { return p.Reason },
		Internal:  "An unexpected error happened.",
		Malformed: "The body is not JSON.",
		MediaType: "The body must be JSON.",
	}
}
