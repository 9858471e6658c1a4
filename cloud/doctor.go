package cloud

import (
	"context"
	"slices"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/doctor"
)

// Doctor examines what must always hold of the cloud: beside Run, or of a cloud
// at rest, whose hosts are asked if they can be reached. With repair it mends
// what does not hold and can be mended.
func (c *Cloud) Doctor(ctx context.Context, repair bool) (doctor.Report, error) {
	return c.examine(ctx, doctor.Options{Repair: repair})
}

func (c *Cloud) examine(ctx context.Context, o doctor.Options) (doctor.Report, error) {
	report := doctor.Examine(auth.AsService(ctx, "doctor"), c.invariants(), o)
	return report, ctx.Err()
}

// invariants are those of all parts, in the order in which they are mended.
func (c *Cloud) invariants() []doctor.Invariant {
	return slices.Concat(c.ops.Invariants(), c.events.Invariants(), c.Identity.Invariants(), c.Image.Invariants(), c.Network.Invariants(), c.Compute.Invariants())
}
