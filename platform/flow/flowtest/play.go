package flowtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cumulite/cumulite/platform/flow"
)

// point is a moment in an operation.
type point struct {
	step string
	when flow.Point
}

func (p point) String() string { return fmt.Sprintf("step %q, %s,", p.step, p.when) }

// outcome is what a play came to.
type outcome struct {
	before, after map[string]string
	points        []point // that were passed
	forward       bool
	stays         func(name string) bool
}

// stage is a world in which one operation is played.
type stage struct {
	Harness
	kind   string
	plan   plan
	mu     sync.Mutex
	points []point
}

// patience is how often a play looks whether the operation has ended, and
// pace how much time passes in between.
const (
	patience = 100
	pace     = 10 * time.Second
)

// play starts an operation in a fresh world and follows it to its end. An
// engine that is killed has a successor.
func play(t *testing.T, h Harness, kind string, p plan) (outcome, error) {
	s := &stage{Harness: h, kind: kind, plan: p}
	c := h.Cases[kind]
	if c.Prepare != nil {
		if err := s.prepare(t.Context(), c); err != nil {
			return outcome{}, fmt.Errorf("prepare: %w", err)
		}
	}
	o := outcome{before: h.Snapshot(), stays: c.Stays}
	e := s.engine(s.fault)
	if err := c.Start(t.Context()); err != nil {
		return o, fmt.Errorf("start: %w", err)
	}
	infos, err := e.List(t.Context())
	if err != nil {
		return o, err
	}
	for _, i := range infos {
		o.forward = o.forward || i.Kind == kind && i.Forward
	}
	for {
		err := s.follow(e)
		if !errors.Is(err, flow.ErrKilled) {
			o.after, o.points = h.Snapshot(), s.points
			return o, err
		}
		e = s.engine(s.fault)
	}
}

// prepare runs an engine without faults while the case is prepared.
func (s *stage) prepare(ctx context.Context, c Case) error {
	e := s.engine(nil)
	stop := run(e)
	err := c.Prepare(ctx)
	return errors.Join(err, s.await(e), stop())
}

func (s *stage) engine(fault func(kind, step string, when flow.Point) error) *flow.Engine {
	return s.Engine(&flow.Options{Owner: "flowtest", Fault: fault, Backoff: func(int) time.Duration { return time.Second }})
}

// fault asks the plan about each point of the kind that is played.
func (s *stage) fault(kind, step string, when flow.Point) error {
	if kind != s.kind {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := point{step, when}
	s.points = append(s.points, p)
	return s.plan(len(s.points)-1, p)
}

// follow runs e until all operations have ended or it was killed.
func (s *stage) follow(e *flow.Engine) error {
	stop := run(e)
	err := s.await(e)
	return errors.Join(err, stop())
}

// run starts an engine; stop gives its error.
func run(e *flow.Engine) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	return func() error {
		cancel()
		return <-done
	}
}

// await lets time pass until no operation is left or the engine is dead.
func (s *stage) await(e *flow.Engine) error {
	var infos []flow.Info
	for range patience {
		synctest.Wait()
		if errors.Is(e.Idle(context.Background()), flow.ErrKilled) {
			return nil
		}
		var err error
		if infos, err = e.List(context.Background()); err != nil || len(infos) == 0 {
			return err
		}
		if s.Clock != nil {
			s.Clock.Advance(pace)
		} else {
			time.Sleep(pace)
		}
	}
	return fmt.Errorf("the operation does not end: it is at step %q (undo: %t) with the error %w", infos[0].Step, infos[0].Undo, infos[0].LastError)
}
