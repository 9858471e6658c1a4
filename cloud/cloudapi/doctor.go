package cloudapi

import (
	"time"

	"github.com/cumulite/cumulite/platform/doctor"
	"github.com/cumulite/cumulite/platform/httpapi"
)

// doctorTimeout is just less than a server gives an answer.
const doctorTimeout = 110 * time.Second

// Order says what the doctor is to do beside examining.
type Order struct {
	Repair bool `json:"repair"`
	Deep   bool `json:"deep"` // read all bytes of images
}

// Report is what the doctor found.
type Report struct {
	Held       bool        `json:"held"` // all invariants hold now
	Invariants []Invariant `json:"invariants"`
}

// Invariant is something that always holds, and what was found of it.
type Invariant struct {
	Name     string    `json:"name"`
	Promise  string    `json:"promise"`
	Held     bool      `json:"held"`
	Error    string    `json:"error"` // why it could not be examined, "" when it was
	Findings []Finding `json:"findings"`
}

// Finding is one thing that does not hold, or did not.
type Finding struct {
	Object  string `json:"object"`
	Says    string `json:"says"`
	Mended  bool   `json:"mended"`
	Failed  string `json:"failed"`  // why it could not be mended, "" when it was not tried
	Unknown bool   `json:"unknown"` // it could not be looked at, and does not count
}

// Show writes a report as the API does.
func Show(r doctor.Report) Report {
	out := Report{Held: r.Held(), Invariants: make([]Invariant, len(r.Results))}
	for i, inv := range r.Results {
		out.Invariants[i] = Invariant{Name: inv.Name, Promise: inv.Promise, Held: inv.Held(), Error: inv.Error, Findings: make([]Finding, len(inv.Findings))}
		for j, f := range inv.Findings {
			out.Invariants[i].Findings[j] = Finding{Object: f.Object, Says: f.Says, Mended: f.Mended, Failed: f.Failed, Unknown: f.Unknown}
		}
	}
	return out
}

func (h handler) show(r *httpapi.Request) (any, error) {
	if err := h.policy.Check(r.Ctx(), ActionExamine, nil); err != nil {
		return nil, err
	}
	return h.do(r, doctor.Options{})
}

func (h handler) order(r *httpapi.Request, in *Order) (any, error) {
	if err := h.policy.Check(r.Ctx(), ActionRepair, nil); err != nil {
		return nil, err
	}
	return h.do(r, doctor.Options{Repair: in.Repair, Deep: in.Deep})
}

func (h handler) do(r *httpapi.Request, o doctor.Options) (any, error) {
	report, err := h.examine(r.Ctx(), o)
	if err != nil {
		return nil, err
	}
	return Show(report), nil
}
