package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/errs"
)

// How many transactions share a commit, and how often one is tried that loses races.
const maxGroup, maxTries = 64, 10

var errGone = errors.New("the goroutine ended inside store.Write")

// op is one call of Write. A writer lends the transaction to the caller's
// goroutine, which runs the function and gives it back: a panic, or the end of
// that goroutine (a test's FailNow), is its own affair.
type op struct {
	ctx  context.Context
	turn chan *Tx   // lends the transaction
	ran  chan error // gives it back with what the function said
	done chan error // what became of it

	// Of that writer alone:
	started bool  // has run, so that the caller waits for done
	gone    bool  // nobody waits any more
	err     error // of its function
}

// Write runs fn in a transaction. When it returns nil, what fn did is on disk;
// otherwise nothing of it is, unless the commit itself was cut.
//
// fn may share its commit with others, and it may run again when the engine
// found that it lost a race: it changes nothing but rows, and reads inside
// what it bases its changes on. It gets a context that is not cancelled, and
// through which a second Write, a query outside tx or a call to a host fails.
// It must not use the outer context: a Write with that waits for itself.
// A panic in fn becomes an error. A caller whose ctx ends before fn began gets
// ctx's error; once fn began, the outcome is waited for.
func (s *Store) Write(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error {
	if InWrite(ctx) {
		return errs.Wrap(ErrInWrite, "a second write")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if !s.enter() {
		return ErrClosed
	}
	defer s.leave()
	o := &op{ctx: ctx, turn: make(chan *Tx), ran: make(chan error, 1), done: make(chan error, 1)}
	select {
	case s.queue <- o:
		return s.await(o, fn)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Serial is Write for transactions that must not run at the same time as
// others of that name, of whatever process: it begins with Tx.Lock.
func (s *Store) Serial(ctx context.Context, name string, fn func(ctx context.Context, tx *Tx) error) error {
	return s.Write(ctx, func(ctx context.Context, tx *Tx) error {
		if err := tx.Lock(ctx, name); err != nil {
			return err
		}
		return fn(ctx, tx)
	})
}

// await runs fn whenever it is o's turn, until its outcome is known.
func (s *Store) await(o *op, fn func(ctx context.Context, tx *Tx) error) error {
	cancelled := o.ctx.Done()
	var after []func()
	for {
		select {
		case tx := <-o.turn:
			cancelled = nil
			s.call(o, tx, fn)
			after = tx.after
		case err := <-o.done:
			if err == nil {
				for _, f := range after {
					f()
				}
			}
			return outcome(err)
		case <-cancelled:
			return o.ctx.Err()
		}
	}
}

func (s *Store) call(o *op, tx *Tx, fn func(ctx context.Context, tx *Tx) error) {
	err := errGone
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("panic in a transaction", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic in a transaction: %v", p)
		}
		o.ran <- err
	}()
	ctx := mark(o.ctx)
	err = fn(ctx, tx)
	for i := 0; err == nil && i < len(tx.last); i++ {
		err = tx.last[i](ctx)
	}
}

// outcome dresses the engine's errors that a caller can do something about.
func outcome(err error) error {
	var known *errs.Error
	if !errors.As(err, &known) && (errors.Is(err, ErrFull) || errors.Is(err, ErrRetry)) {
		return unavailable(err)
	}
	return err
}

// serve is a writer goroutine.
func (s *Store) serve() {
	for first := range s.queue {
		group := s.gather(first)
		err := s.commit(group)
		for try := 1; try < maxTries && errors.Is(err, ErrRetry); try++ {
			err = s.commit(group)
		}
		for _, o := range group {
			o.done <- cmp.Or(err, o.err)
		}
	}
}

// gather takes in what waits already; it waits for nobody. One of several
// writers leaves that to the others, so that nobody waits for another's locks.
func (s *Store) gather(first *op) []*op {
	group := []*op{first}
	for s.writers == 1 && len(group) < maxGroup {
		select {
		case o, open := <-s.queue:
			if !open { // whoever waited last has given up
				return group
			}
			group = append(group, o)
		default:
			return group
		}
	}
	return group
}

// commit runs a group in one transaction. Its error is everyone's: whoever
// failed alone has it in op.err.
func (s *Store) commit(group []*op) error {
	if err := s.fault("begin"); err != nil {
		return err
	}
	tx, err := s.writer.BeginTx(context.Background(), nil)
	if err != nil {
		return err
	}
	for _, o := range group {
		if o.gone {
			continue
		}
		if err := s.share(tx, o); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	if err := s.fault("commit"); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	return s.fault("committed")
}

// share runs o, in a savepoint unless it has the transaction for itself. An
// error means that the whole transaction is lost; one of o alone is kept in o.
func (s *Store) share(tx bun.Tx, o *op) error {
	lent := &Tx{IDB: tx, raw: tx.Tx, models: s.writer, engine: s.engine.Dialect()}
	if s.writers > 1 {
		o.lend(lent)
		return o.err
	}
	ctx := context.Background() // no caller's end may stop what others share
	if _, err := tx.Tx.ExecContext(ctx, "SAVEPOINT share"); err != nil {
		return err
	}
	o.lend(lent)
	if errors.Is(o.err, ErrRetry) {
		return o.err
	}
	if o.err != nil {
		if _, err := tx.Tx.ExecContext(ctx, "ROLLBACK TO SAVEPOINT share"); err != nil {
			return unavailable(errors.Join(o.err, err))
		}
	}
	if _, err := tx.Tx.ExecContext(ctx, "RELEASE SAVEPOINT share"); err != nil {
		return unavailable(errors.Join(o.err, err))
	}
	return nil
}

// unavailable is also the error of everyone in a transaction that the engine
// gave up, as it may when the disk is full: it hides what one function said.
func unavailable(cause error) error {
	return errs.New(errs.Unavailable, "The database cannot be written at the moment.").Because(cause)
}

// lend lets o's caller run its function, unless it gave up waiting.
func (o *op) lend(tx *Tx) {
	if !o.started {
		if o.ctx.Err() != nil {
			o.gone, o.err = true, o.ctx.Err()
			return
		}
		select {
		case o.turn <- tx:
		case <-o.ctx.Done():
			o.gone, o.err = true, o.ctx.Err()
			return
		}
		o.started = true
	} else {
		o.turn <- tx
	}
	o.err = <-o.ran
	o.gone = errors.Is(o.err, errGone)
}
