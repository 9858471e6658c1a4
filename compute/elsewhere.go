package compute

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/flow"
	"github.com/cumulite/cumulite/platform/store"
)

// A build that fails because of its host is undone there and begun anew on
// another, by an operation that knows which were tried. Its ports stay: they
// are bound to the next host. What is wrong with the request, the image or the
// networks would be wrong everywhere, and ends the build at once.
//
// Of one server there are never two guests that run. Before it is begun anew
// the guest is removed, and a host that cannot be asked to is believed to have
// none only if it was never told to start it, or was fenced; otherwise the
// server is in VMError. What a lost host makes late is removed when the host is
// back and is compared with the rows.

// attempt is a host on which the building of a server failed.
type attempt struct {
	Host   string
	Why    string // as the server's owner may read it
	Detail string
}

// tried gives the names of the hosts on which it was tried before.
func (a *createArgs) tried() []string {
	names := make([]string, len(a.Tried))
	for i, t := range a.Tried {
		names[i] = t.Host
	}
	return names
}

// judge decides what the error of a call to the chosen host means. One that
// may pass is worth other attempts, for some time; then the host is to blame,
// if there is another one, as for what it cannot do at all.
func (s *Service) judge(ctx context.Context, r *flow.Run[createArgs], err error) error {
	a, now := &r.Args, s.Clock.Now()
	a.Blamed = false
	switch {
	case err == nil:
		a.Failing = time.Time{}
		return nil
	case errs.Is(err, errs.NotSupported):
		a.Blamed = true
	case !errs.Transient(err) || errors.Is(err, context.Canceled) && !errs.Is(err, errs.Unavailable):
	case a.Failing.IsZero():
		a.Failing = now
	case now.Sub(a.Failing) >= s.opts.BuildPatience && s.hasOther(ctx, r):
		a.Blamed = true
		return flow.Final(err)
	}
	return err
}

// hasOther tells whether another host would take the server now.
func (s *Service) hasOther(ctx context.Context, r *flow.Run[createArgs]) bool {
	srv, err := s.server(ctx, r.Key)
	if err != nil || r.Args.Force {
		return false
	}
	want, err := s.wanted(ctx, s.DB.Read(), srv, false)
	if err != nil || s.readPlacement(ctx, true) != nil {
		return false
	}
	want.Exclude = append(r.Args.tried(), r.Args.Host)
	return s.places.find(want)
}

// goesOn tells whether the build that is being undone is begun anew elsewhere.
func (s *Service) goesOn(r *flow.Run[createArgs]) bool {
	a := &r.Args
	return a.Blamed && !a.Unsure && !a.Force && len(a.Tried)+1 < s.opts.BuildAttempts && !errors.Is(r.Cause, flow.ErrCancelled)
}

// buildFailed begins anew what was undone, or gives it up.
func (s *Service) buildFailed(ctx context.Context, tx *store.Tx, r *flow.Run[createArgs], cause error) error {
	if !s.goesOn(r) {
		return s.settle(ctx, tx, r.ID, r.Key, cause, func(srv *Server) []string { return s.fail(srv, buildError(r, cause)) })
	}
	srv, err := lockServer(ctx, tx, r.Key)
	if store.IsNone(err) || err == nil && (!srv.owned(r.ID) || srv.Task == TaskDeleting) {
		return s.endAction(ctx, tx, r.Key, cause) // another operation has it by now
	}
	if err != nil {
		return err
	}
	a := r.Args
	next := createArgs{Force: a.Force, Ports: a.Ports, Groups: a.Groups, Tried: append(slices.Clone(a.Tried), failedAt(a.Host, cause))}
	if srv.Operation, err = s.ops.create.Start(ctx, tx, r.Key, next); err != nil {
		return err
	}
	srv.Task = TaskScheduling
	s.log.Warn("a server is built on another host", "server", srv.ID, "host", a.Host, "attempt", len(next.Tried), "error", cause)
	return s.save(ctx, tx, srv)
}

func failedAt(host string, cause error) attempt {
	why := errs.Message(cause)
	if why == "" {
		why = "An internal error."
	}
	return attempt{Host: host, Why: why, Detail: cause.Error()}
}

// buildError says what happened on each of the hosts that were tried.
func buildError(r *flow.Run[createArgs], cause error) error {
	all := r.Args.Tried
	if len(all) == 0 || errors.Is(cause, flow.ErrCancelled) {
		return cause
	}
	if r.Args.Blamed {
		all = append(slices.Clone(all), failedAt(r.Args.Host, cause))
	}
	if len(all) == 1 {
		return errs.New(errs.Exhausted, "%s", all[0].Why).Because(fmt.Errorf("%s: %s; no other host would take it: %w", all[0].Host, all[0].Detail, cause))
	}
	var told, details []string
	for i, a := range all {
		told = append(told, fmt.Sprintf("Attempt %d: %s", i+1, a.Why))
		details = append(details, fmt.Sprintf("%s: %s", a.Host, a.Detail))
	}
	if !r.Args.Blamed {
		told, details = append(told, errs.Message(cause)), append(details, cause.Error())
	}
	return errs.New(errs.Exhausted, "Exceeded maximum number of retries. Exhausted all hosts available for retrying build failures for instance %s. %s",
		r.Key, strings.Join(told, " ")).Because(errors.New(strings.Join(details, "; ")))
}
