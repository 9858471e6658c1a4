package cloud

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/doctor"
	"github.com/cumulite/cumulite/platform/errs"
)

// Doctor examines what must always hold of the cloud. With repair it mends
// what does not hold and can be mended.
func (c *Cloud) Doctor(ctx context.Context, repair bool) (doctor.Report, error) {
	return c.Examine(ctx, doctor.Options{Repair: repair})
}

// Examine is Doctor with all of its options. Whether the cloud is at rest it
// knows by itself.
func (c *Cloud) Examine(ctx context.Context, o doctor.Options) (doctor.Report, error) {
	o.Rest = !c.runs.Load()
	report := doctor.Examine(auth.AsService(ctx, "doctor"), c.invariants(), o)
	return report, ctx.Err()
}

// ExamineAtRest examines the cloud of these options, which no process has open
// (ErrInUse), nor another controller of it, as it was left: nothing of it is started or recovered. Hosts that
// can be reached are asked.
func ExamineAtRest(ctx context.Context, o Options, what doctor.Options) (_ doctor.Report, err error) {
	if err := o.hasState(); err != nil {
		return doctor.Report{}, err
	}
	o.fill()
	o.Fleet = nil // hosts of their own call, and are not called
	c, err := (&Cloud{o: o, rests: true}).open(ctx)
	if err != nil {
		return doctor.Report{}, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if alone, err := c.alone(ctx); err != nil || !alone {
		return doctor.Report{}, cmp.Or(err, ErrInUse)
	}
	return c.Examine(ctx, what)
}

// hasState refuses options of a cloud that was never there.
func (o *Options) hasState() error {
	kept := stateFile
	if !o.Database.IsZero() {
		kept = controllerFile
	}
	if _, err := os.Stat(filepath.Join(o.Dir, kept)); o.Dir == "" || err != nil {
		return errs.Invalidf("there is no cloud in %q", o.Dir)
	}
	return nil
}

// invariants are those of all parts, in the order in which they are mended.
func (c *Cloud) invariants() []doctor.Invariant {
	return slices.Concat(c.ops.Invariants(), c.events.Invariants(), c.Identity.Invariants(), c.Image.Invariants(), c.Network.Invariants(), c.Compute.Invariants())
}

// examineEvery is how often a running cloud examines itself.
const examineEvery = 15 * time.Minute

// health is what the last examination found, for /metrics.
type health struct{ held, findings *prometheus.GaugeVec }

func newHealth(r prometheus.Registerer) (h health, err error) {
	gauge := func(name, help string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"invariant"})
		if r == nil {
			return g
		}
		failed := r.Register(g)
		var there prometheus.AlreadyRegisteredError // by a cloud that was open before
		if errors.As(failed, &there) {
			return there.ExistingCollector.(*prometheus.GaugeVec)
		}
		err = errors.Join(err, failed)
		return g
	}
	h.held = gauge("cumulite_invariant_held", "Whether what must always hold did so when the cloud examined itself last: 1 or 0.")
	h.findings = gauge("cumulite_invariant_findings", "How many things were found that do not hold.")
	return h, err
}

// forget leaves it to another process to say.
func (h health) forget() {
	h.held.Reset()
	h.findings.Reset()
}

func (h health) note(report doctor.Report) {
	for _, r := range report.Results {
		held := 0.0
		if r.Held() {
			held = 1
		}
		h.held.WithLabelValues(r.Name).Set(held)
		h.findings.WithLabelValues(r.Name).Set(float64(len(r.Findings)))
	}
}

// watchHealth examines the cloud now and then, in one process of it at a time.
func (c *Cloud) watchHealth(ctx context.Context) error {
	return c.singly(ctx, doctorLease, func(ctx context.Context) error {
		defer c.health.forget()
		return c.examineNowAndThen(ctx)
	})
}

// examineNowAndThen goes on until ctx is done.
func (c *Cloud) examineNowAndThen(ctx context.Context) error {
	for {
		due, stop := c.o.Clock.At(c.o.Clock.Now().Add(examineEvery))
		select {
		case <-due:
		case <-ctx.Done():
			stop()
			return nil
		}
		report, err := c.Doctor(ctx, false)
		if err != nil {
			continue
		}
		c.health.note(report)
		if !report.Held() {
			c.o.Logger.Warn("something does not hold that always must: see the doctor", "findings", found(report))
		}
	}
}

// found counts what does not hold.
func found(report doctor.Report) (n int) {
	for _, r := range report.Results {
		n += len(r.Findings)
	}
	return n
}
