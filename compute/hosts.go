package compute

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// AddHost has a host called through h, now and after what it was called
// through before. It may come at any time; a host that is new gets its row.
// Where several processes work for a cloud, each of them adds the host.
func (s *Service) AddHost(ctx context.Context, name string, h Hypervisor) error {
	err := s.write(ctx, func(ctx context.Context, tx *store.Tx) error { return s.enterHost(ctx, tx, name) })
	if err != nil {
		return err
	}
	s.noted.forget(name)
	s.hosts.Add(name, h)
	return nil
}

// RemoveHost has a host called no more. It is shown as one that is down, with
// the servers on it, until an administrator deletes its compute service.
func (s *Service) RemoveHost(ctx context.Context, name string) error {
	s.hosts.Remove(name)
	return s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		h, err := hostNamed(ctx, tx, name)
		if errs.Is(err, errs.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return s.miss(ctx, tx, h)
	})
}

// miss notes that a host does not answer.
func (s *Service) miss(ctx context.Context, tx *store.Tx, h *Host) error {
	tx.AfterCommit(func() {
		s.noted.forget(h.Name)
		s.heard(h.Name, false)
	})
	if !h.Answers {
		return nil
	}
	h.Answers = false
	return store.Update(ctx, tx, h, "answers")
}

// missHosts notes that hosts do not answer that nobody calls any more, and
// puts the others into the zones that they are configured to be in.
func (s *Service) missHosts(ctx context.Context, tx *store.Tx) error {
	if err := s.onWatch(ctx, tx); err != nil {
		return err
	}
	rows, err := allHosts(ctx, tx)
	if err != nil {
		return err
	}
	for i := range rows {
		h := &rows[i]
		_, there := s.hosts.Get(h.Name)
		switch {
		case !there:
			err = s.miss(ctx, tx, h)
		case h.Zone != s.zoneOf(h.Name):
			h.Zone = s.zoneOf(h.Name)
			tx.AfterCommit(s.places.forget)
			err = store.Update(ctx, tx, h, "zone")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// enterHost gives a row to a host that has none.
func (s *Service) enterHost(ctx context.Context, tx *store.Tx, name string) error {
	if _, err := hostNamed(ctx, tx, name); !errs.Is(err, errs.NotFound) {
		return err
	}
	var last int64
	if err := tx.QueryRow(ctx, "SELECT COALESCE(MAX(number), 0) FROM compute_hosts").Scan(&last); err != nil {
		return err
	}
	tx.AfterCommit(s.places.forget)
	now := s.Clock.Now()
	return store.Insert(ctx, tx, &Host{ID: uuid.NewString(), Number: last + 1, Name: name, Zone: s.zoneOf(name), CreatedAt: now, UpdatedAt: now})
}

// DeleteComputeService deletes the compute service of a host that joined the
// cloud, which is thereby taken away for good. One with servers on it, and one
// that is part of the cloud's configuration, is errs.Conflict.
func (s *Service) DeleteComputeService(ctx context.Context, idOrName string) error {
	if err := s.checkOwn(ctx, ActionServiceDelete); err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		h, err := serviceNamed(ctx, tx, idOrName)
		if err != nil {
			return err
		}
		if h.Servers > 0 {
			return errs.Conflictf("Unable to delete compute service that is hosting instances. Migrate or delete the instances first.")
		}
		if _, configured := s.Deps.Hosts[h.Name]; configured {
			return errs.Conflictf("Host %s is part of this cloud's configuration.", h.Name)
		}
		tx.AfterCommit(func() {
			s.hosts.Remove(h.Name)
			s.heard(h.Name, false)
		})
		if _, err := tx.Exec(ctx, "DELETE FROM compute_hosts WHERE id = ?", h.ID); err != nil {
			return err
		}
		return s.Events.Emit(ctx, tx, "compute", "host.deleted", h.ID, map[string]any{"name": h.Name})
	})
}

// learnEvery is how often a process looks at what the one that watches found out.
const learnEvery = time.Second

func (s *Service) learned(ctx context.Context) {
	if err := s.learn(ctx); err != nil && ctx.Err() == nil {
		s.log.Warn("what is known of the hosts may be old", "error", err)
	}
}

// learn takes over which hosts are up from their rows, when any of these has changed.
func (s *Service) learn(ctx context.Context) error {
	var is hostsMark
	err := s.DB.QueryRow(ctx, "SELECT COUNT(*), COALESCE(MAX(number), 0), COALESCE(SUM(version), 0) FROM compute_hosts").Scan(&is.count, &is.last, &is.versions)
	if was := s.mark.Load(); err != nil || was != nil && *was == is {
		return err
	}
	rows, err := allHosts(ctx, s.DB.Read())
	if err != nil {
		return err
	}
	for i := range rows {
		if _, down := s.down.Load(rows[i].Name); down == rows[i].Up() {
			s.heard(rows[i].Name, rows[i].Up())
		}
	}
	s.places.forget()
	s.mark.Store(&is)
	return nil
}

// hostsMark tells whether any host's row was changed: each change raises its
// version. Claims do not, which are judged by the rows anyway.
type hostsMark struct{ count, last, versions int64 }

// UsesImage tells whether a server on a host is made of an image. For services only.
func (s *Service) UsesImage(ctx context.Context, host, imageID string) (bool, error) {
	if !auth.From(ctx).HasRole(auth.ServiceRole) {
		return false, errs.Forbiddenf("Only services may do this.")
	}
	return s.DB.Read().NewSelect().Model((*Server)(nil)).Where("host = ? AND image_id = ?", host, imageID).Exists(ctx)
}
