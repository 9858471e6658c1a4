package flow

import (
	"context"

	"github.com/cumulite/cumulite/platform/doctor"
)

// Invariants say what always holds of operations while engines run.
func (e *Engine) Invariants() []doctor.Invariant {
	return []doctor.Invariant{{Name: "flow.operations", Promise: "Operations are carried on by somebody who is there, and undone when their time is over.", Busy: true, Check: e.stuck}}
}

// stuck finds operations that nobody carries on. Those behind another of their
// key wait for that.
func (e *Engine) stuck(ctx context.Context) (found []doctor.Finding, err error) {
	entries, err := e.ledger.List(ctx, nil)
	ahead := map[string]bool{}
	for _, en := range entries {
		says := en.Stuck(e.clk.Now(), e.opts.Lease)
		if !ahead[en.Key] && says != "" {
			f := doctor.Finding{Object: en.Kind + " " + en.ID + " of " + en.Key, Says: says}
			if e.kinds[en.Kind] == nil {
				f.Says = "nobody here can do it: the version that started it has to end it"
			} else {
				f.Repair = func(ctx context.Context) error {
					defer e.wake()
					return e.ledger.Free(ctx, en.ID, e.clk.Now())
				}
			}
			found = append(found, f)
		}
		ahead[en.Key] = true
	}
	return found, err
}
