package doctor_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/doctor"
)

// ward is what an invariant looks at: things that are wrong, by what says so.
type ward struct {
	wrong map[string]func() error // how each is repaired, nil for not at all
	looks int
	after func(looks int) // a look
	err   error
}

func (w *ward) invariant(name string) doctor.Invariant {
	return doctor.Invariant{Name: name, Promise: "Nothing is wrong.", Check: func(context.Context) (found []doctor.Finding, err error) {
		for says, repair := range w.wrong {
			f := doctor.Finding{Object: "it", Says: says}
			if repair != nil {
				f.Repair = func(context.Context) error { return repair() }
			}
			found = append(found, f)
		}
		w.looks++
		if w.after != nil {
			w.after(w.looks)
		}
		return found, w.err
	}}
}

func examine(t *testing.T, w *ward, o doctor.Options) (report doctor.Report) {
	synctest.Test(t, func(t *testing.T) {
		report = doctor.Examine(t.Context(), []doctor.Invariant{w.invariant("ward")}, o)
	})
	require.Len(t, report.Results, 1)
	require.Equal(t, "ward", report.Results[0].Name)
	return report
}

func TestOnlyWhatIsSeenTwiceCounts(t *testing.T) {
	w := &ward{wrong: map[string]func() error{"passing": nil, "lasting": nil}}
	w.after = func(int) { delete(w.wrong, "passing"); w.wrong["new"] = nil }
	report := examine(t, w, doctor.Options{})
	require.Equal(t, []doctor.Finding{{Object: "it", Says: "lasting"}}, report.Results[0].Findings)
	require.False(t, report.Held())
	require.Equal(t, 2, w.looks)

	w = &ward{}
	require.True(t, examine(t, w, doctor.Options{Repair: true}).Held())
	require.Equal(t, 1, w.looks, "nothing was found")
}

func TestRepairsAreMadeUntilNothingIsLeftThatCanBe(t *testing.T) {
	w := &ward{wrong: map[string]func() error{"undecided": nil}}
	w.wrong["outer"] = func() error {
		delete(w.wrong, "outer")
		w.wrong["inner"] = func() error { delete(w.wrong, "inner"); return nil }
		return nil
	}
	report := examine(t, w, doctor.Options{Repair: true})
	mended := map[string]bool{}
	for _, f := range report.Results[0].Findings {
		mended[f.Says] = f.Mended
	}
	require.Equal(t, map[string]bool{"outer": true, "inner": true, "undecided": false}, mended)
	require.False(t, report.Held())

	delete(w.wrong, "undecided")
	require.True(t, examine(t, w, doctor.Options{Repair: true}).Held())
}

func TestAReportSaysWhatCouldNotBeMended(t *testing.T) {
	tries := 0
	w := &ward{wrong: map[string]func() error{"stuck": func() error { tries++; return errors.New("no host") }}}
	report := examine(t, w, doctor.Options{Repair: true})
	require.Equal(t, "no host", report.Results[0].Findings[0].Failed)
	require.False(t, report.Results[0].Held())
	require.Equal(t, 3, tries, "it does not try for ever")

	untouched := examine(t, w, doctor.Options{})
	require.Equal(t, 3, tries)
	require.Empty(t, untouched.Results[0].Findings[0].Failed)
}

func TestWhatCannotBeExaminedIsNotHeld(t *testing.T) {
	report := examine(t, &ward{err: errors.New("no database")}, doctor.Options{})
	require.Equal(t, "no database", report.Results[0].Error)
	require.False(t, report.Held())
}

func TestSomeInvariantsAreExaminedOnRequestOrOfACloudAtWork(t *testing.T) {
	w := &ward{}
	deep, busy := w.invariant("deep"), w.invariant("busy")
	deep.Deep, busy.Busy = true, true
	all := []doctor.Invariant{deep, busy, w.invariant("always")}
	names := func(o doctor.Options) (names []string) {
		for _, r := range doctor.Examine(t.Context(), all, o).Results {
			names = append(names, r.Name)
		}
		return names
	}
	require.Equal(t, []string{"busy", "always"}, names(doctor.Options{}))
	require.Equal(t, []string{"deep", "always"}, names(doctor.Options{Deep: true, Rest: true}))
	require.Equal(t, "deep", all[0].Name, "the caller's list is left alone")
}
