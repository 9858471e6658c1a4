package flowtest

import (
	"errors"
	"fmt"
	"maps"

	"github.com/cumulite/cumulite/platform/flow"
)

var (
	errOnce  = errors.New("flowtest: this attempt fails")
	errFinal = flow.Final(errors.New("flowtest: this step fails for good"))
)

// suite checks one kind.
type suite struct {
	kind string
	play func(plan) (outcome, error)
	good outcome // what happens when nothing goes wrong
	errs []error
}

// check gives a sentence for each thing that is wrong.
func (s *suite) check() []error {
	good, err := s.play(func(int, point) error { return nil })
	if err != nil {
		return []error{fmt.Errorf("without faults: %w", err)}
	}
	if len(good.points) == 0 {
		return []error{errors.New("Start starts no operation of this kind")}
	}
	s.good = good
	s.interruptions("it goes well", nil, good.points, s.endsWell)
	if good.forward {
		s.failuresOnTheWay()
		return s.errs
	}
	s.failures()
	return s.errs
}

// failuresOnTheWay fails each step of an operation that is never undone, once.
func (s *suite) failuresOnTheWay() {
	for n, p := range s.good.points {
		if p.when == flow.BeforeDo || p.when == flow.AfterDo {
			s.expect(fmt.Sprintf("%s fails once", p), at(n, errFinal), s.endsWell)
		}
	}
}

// failures fails each step for good, and then each undo, in every way.
func (s *suite) failures() {
	var last *point
	for _, p := range s.good.points {
		if p.when == flow.BeforeDo || p.when == flow.AfterDo {
			s.expect(fmt.Sprintf("%s fails for good", p), always(p, errFinal), s.leavesNothing)
			last = &p
		}
	}
	if last == nil {
		return
	}
	fail := always(*last, errFinal)
	undone, err := s.play(fail)
	if err != nil {
		return // it was told above
	}
	s.interruptions(fmt.Sprintf("%s fails for good", *last), fail, undone.points, s.leavesNothing)
}

// interruptions repeats what happened at each of these points: the process
// dies there, the attempt fails once after it had its effect, the answer of
// the commit is lost.
func (s *suite) interruptions(what string, also plan, points []point, want func(outcome) error) {
	for n, p := range points {
		s.expect(fmt.Sprintf("%s, and the process dies at %s", what, p), both(at(n, flow.ErrKilled), also), want)
		switch p.when {
		case flow.AfterDo, flow.AfterUndo, flow.AfterRecord:
			s.expect(fmt.Sprintf("%s, and %s an error makes it run twice", what, p), both(at(n, errOnce), also), want)
		}
	}
}

func (s *suite) expect(what string, p plan, want func(outcome) error) {
	o, err := s.play(p)
	if err == nil {
		err = want(o)
	}
	if err != nil {
		s.errs = append(s.errs, fmt.Errorf("%s: %w", what, err))
	}
}

// endsWell is what an operation must come to that was not failed for good.
func (s *suite) endsWell(o outcome) error {
	return differ("it should end as without faults", s.good.after, o.after)
}

// leavesNothing is what one must come to that was.
func (s *suite) leavesNothing(o outcome) error {
	gone := func(name string, _ string) bool { return o.stays != nil && o.stays(name) }
	before, after := maps.Clone(o.before), maps.Clone(o.after)
	maps.DeleteFunc(before, gone)
	maps.DeleteFunc(after, gone)
	return differ("it should leave nothing behind", before, after)
}

func differ(should string, want, got map[string]string) error {
	var all []error
	for name := range maps.Keys(want) {
		if got[name] != want[name] {
			all = append(all, fmt.Errorf("%s: %q is %q, not %q", should, name, got[name], want[name]))
		}
	}
	for name, value := range got {
		if _, known := want[name]; !known {
			all = append(all, fmt.Errorf("%s: there is %q (%q)", should, name, value))
		}
	}
	return errors.Join(all...)
}

// plan says which error meets the n-th point that is passed.
type plan func(n int, p point) error

// at fails the n-th point only: engines that come later pass it.
func at(n int, err error) plan {
	return func(i int, _ point) error {
		if i == n {
			return err
		}
		return nil
	}
}

// always fails a point whenever it is passed.
func always(p point, err error) plan {
	return func(_ int, q point) error {
		if p == q {
			return err
		}
		return nil
	}
}

func both(first, second plan) plan {
	return func(n int, p point) error {
		if err := first(n, p); err != nil || second == nil {
			return err
		}
		return second(n, p)
	}
}
