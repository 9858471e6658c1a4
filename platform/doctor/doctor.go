// Package doctor examines what must always hold of a cloud, and mends what
// does not. Each service says what holds of its own:
//
//	func (s *Service) Invariants() []doctor.Invariant {
//		return []doctor.Invariant{{Name: "compute.claims", Promise: "What hosts have given away is what their servers claim.", Check: s.checkClaims}}
//	}
//
//	report := doctor.Examine(ctx, service.Invariants(), doctor.Options{Repair: true})
package doctor

import (
	"context"
	"slices"
	"time"
)

// Invariant is something that holds whenever nobody is about to change it.
type Invariant struct {
	Name    string // "compute.claims"
	Promise string // one sentence: what holds
	// Check finds what does not hold. It may be called beside a cloud at work:
	// it compares what it reads in one query or transaction, and leaves alone
	// what an operation has in hand. A constant number of queries, whatever
	// the cloud's size.
	Check func(ctx context.Context) ([]Finding, error)
	Deep  bool // it reads all bytes of something: only on request
	Busy  bool // it holds of a cloud at work only, since it is kept by what that does now and then
}

// Finding is one thing that does not hold.
type Finding struct {
	Object string `json:"object"` // "server 1f0c…", "project 77… cores"
	Says   string `json:"says"`   // what is wrong; the same words each time it is looked at
	// Repair mends it, after looking once more whether there is something to
	// mend. Without it, Says tells what somebody has to decide.
	Repair func(ctx context.Context) error `json:"-"`
	Mended bool                            `json:"mended"`
	Failed string                          `json:"failed,omitempty"` // why the last repair failed
	// Unknown is what could not be looked at, such as a host that does not
	// answer: it is said, and does not count.
	Unknown bool `json:"unknown,omitempty"`
}

// key is what makes two findings of an invariant the same.
func (f Finding) key() string { return f.Object + "\x00" + f.Says }

// Result is what was found of one invariant.
type Result struct {
	Name     string    `json:"name"`
	Promise  string    `json:"promise"`
	Findings []Finding `json:"findings"`
	Error    string    `json:"error,omitempty"` // it could not be examined
}

// Held tells whether the invariant holds now.
func (r Result) Held() bool {
	return r.Error == "" && !slices.ContainsFunc(r.Findings, func(f Finding) bool { return !f.Mended && !f.Unknown })
}

// Report is what was found, in the order of the invariants.
type Report struct {
	Results []Result `json:"invariants"`
}

// Held tells whether all invariants hold now.
func (r Report) Held() bool {
	return !slices.ContainsFunc(r.Results, func(r Result) bool { return !r.Held() })
}

// Options say how to examine.
type Options struct {
	Repair bool
	Deep   bool
	Rest   bool // nobody is at work
}

const (
	pause  = 300 * time.Millisecond // between two looks
	rounds = 3                      // of repairs: one may bring another thing to light
)

// Examine checks the invariants, looks twice at what it finds, and repairs it
// if that is wanted. What repairs bring to light is in the report, too.
func Examine(ctx context.Context, all []Invariant, o Options) Report {
	all = slices.DeleteFunc(slices.Clone(all), func(i Invariant) bool { return i.Deep && !o.Deep || i.Busy && o.Rest })
	results := look(ctx, all)
	for i := 0; o.Repair && i < rounds && repair(ctx, results); i++ {
		follow(results, look(ctx, all))
	}
	return Report{results}
}

// look gives what is found twice.
func look(ctx context.Context, all []Invariant) []Result {
	results, found := make([]Result, len(all)), false
	for i, inv := range all {
		results[i] = inv.look(ctx)
		found = found || len(results[i].Findings) > 0
	}
	if !found {
		return results
	}
	wait, cancel := context.WithTimeout(ctx, pause)
	defer cancel()
	<-wait.Done()
	for i, inv := range all {
		if before := results[i].Findings; len(before) > 0 {
			results[i] = inv.look(ctx)
			results[i].Findings = slices.DeleteFunc(results[i].Findings, not(before))
		}
	}
	return results
}

func (i Invariant) look(ctx context.Context) Result {
	r := Result{Name: i.Name, Promise: i.Promise}
	var err error
	if r.Findings, err = i.Check(ctx); err != nil {
		r.Error = err.Error()
	}
	return r
}

// not tells of findings whether they are none of these.
func not(these []Finding) func(Finding) bool {
	among := make(map[string]bool, len(these))
	for _, f := range these {
		among[f.key()] = true
	}
	return func(f Finding) bool { return !among[f.key()] }
}

// repair repairs what can be, and tells whether there was something.
func repair(ctx context.Context, results []Result) (tried bool) {
	for _, r := range results {
		for i := range r.Findings {
			f := &r.Findings[i]
			if f.Mended || f.Repair == nil {
				continue
			}
			tried, f.Failed = true, ""
			if err := f.Repair(ctx); err != nil {
				f.Failed = err.Error()
			}
		}
	}
	return tried
}

// follow notes in results what is found after repairs.
func follow(results, now []Result) {
	for i := range results {
		r, found := &results[i], now[i].Findings
		gone, fresh := not(found), not(r.Findings)
		r.Error = now[i].Error
		for j := range r.Findings {
			r.Findings[j].Mended = r.Error == "" && gone(r.Findings[j])
		}
		r.Findings = append(r.Findings, slices.DeleteFunc(found, func(f Finding) bool { return !fresh(f) })...)
	}
}
