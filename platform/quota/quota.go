// Package quota counts what projects use, in the transaction that creates or
// deletes what is counted, so that count and truth cannot part, and two
// requests cannot both take the last of a limit. Nothing else changes counts.
//
//	quotas := quota.New("compute", map[quota.Resource]int{"instances": 10, "cores": 20})
//	err := db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
//		if err := quotas.Use(ctx, tx, projectID, map[quota.Resource]int{"instances": 1, "cores": 4}); err != nil {
//			return err
//		}
//		return store.Insert(ctx, tx, &server)
//	})
package quota

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// Resource is something that is limited: "instances", "cores", "network".
type Resource string

// Unlimited is the limit that nothing reaches.
const Unlimited = -1

// Exceeded says which limit stood in the way.
type Exceeded struct {
	Resource               Resource
	Requested, Used, Limit int // what was asked for, what was used before, what may be
}

// Error gives the figures.
func (e *Exceeded) Error() string {
	return fmt.Sprintf("%s: requested %d, used %d of %d", e.Resource, e.Requested, e.Used, e.Limit)
}

// Usage is what a project may have (Unlimited without a limit), and has.
type Usage struct{ Limit, Used int }

// Book keeps the counts and limits of one service. It holds no state of its own.
type Book struct {
	service  string
	defaults map[Resource]int
}

//go:embed *.sql
var files embed.FS

// Migrations gives the tables of counts and limits.
func Migrations() store.Migrations { return store.Migrations{Name: "quota", Files: files} }

// New gives the book of a service, whose limits are defaults for projects that
// have none of their own. Only the resources in defaults are counted.
func New(service string, defaults map[Resource]int) *Book {
	return &Book{service, maps.Clone(defaults)}
}

// Use changes the counts of a project by deltas: all of them, or none. When a
// limit would be passed the error is of kind errs.Quota and wraps an
// *Exceeded. Going down never fails and stops at zero. On an engine with
// several writers it locks the project's counts: call it late.
func (b *Book) Use(ctx context.Context, tx *store.Tx, projectID string, deltas map[Resource]int) error {
	limits, err := b.Limits(ctx, tx, projectID) // before anybody has to wait
	if err != nil {
		return err
	}
	if err := b.lock(ctx, tx, projectID, deltas); err != nil {
		return err
	}
	rising, falling := maps.Clone(deltas), maps.Clone(deltas)
	maps.DeleteFunc(rising, func(_ Resource, delta int) bool { return delta <= 0 })
	maps.DeleteFunc(falling, func(_ Resource, delta int) bool { return delta >= 0 })
	if err := b.raise(ctx, tx, projectID, rising, limits); err != nil {
		return err
	}
	return b.Count(ctx, tx, projectID, falling)
}

// Count is Use for what a service makes by itself, beside what was asked for:
// no limit stands in the way, but what is asked for next meets it.
func (b *Book) Count(ctx context.Context, tx *store.Tx, projectID string, deltas map[Resource]int) error {
	if len(deltas) == 0 {
		return nil
	}
	if err := b.lock(ctx, tx, projectID, deltas); err != nil {
		return err
	}
	for _, r := range slices.Sorted(maps.Keys(deltas)) {
		if _, err := b.add(ctx, tx, projectID, r, deltas[r]); err != nil {
			return err
		}
	}
	return nil
}

// lock has transactions wait that count for the same project, in whatever
// order they do.
func (b *Book) lock(ctx context.Context, tx *store.Tx, projectID string, deltas map[Resource]int) error {
	if err := b.known(deltas); err != nil {
		return err
	}
	return tx.Lock(ctx, "quota."+b.service+"."+projectID)
}

// raise adds what goes up, all in one statement. It takes back what it added
// when a limit is met.
func (b *Book) raise(ctx context.Context, tx *store.Tx, projectID string, deltas, limits map[Resource]int) error {
	if len(deltas) == 0 {
		return nil
	}
	names := slices.Sorted(maps.Keys(deltas))
	var args []any
	for _, r := range names {
		args = append(args, projectID, b.service, string(r), deltas[r])
	}
	used, err := numbers(tx.Query(ctx, `INSERT INTO quota_usage (project_id, service, resource, used)
		VALUES `+strings.Repeat("(?, ?, ?, ?), ", len(names)-1)+`(?, ?, ?, ?)
		ON CONFLICT (project_id, service, resource) DO UPDATE SET used = quota_usage.used + excluded.used
		RETURNING resource, used`, args...))
	if err != nil {
		return errs.Wrap(err, "count for project %s", projectID)
	}
	for _, r := range names {
		if limits[r] == Unlimited || used[r] <= limits[r] {
			continue
		}
		for _, back := range names {
			if _, err := b.add(ctx, tx, projectID, back, -deltas[back]); err != nil {
				return err
			}
		}
		return exceeded(&Exceeded{Resource: r, Requested: deltas[r], Used: used[r] - deltas[r], Limit: limits[r]})
	}
	return nil
}

func exceeded(e *Exceeded) error {
	return errs.New(errs.Quota, "Quota exceeded for %s: Requested %d, but already used %d of %d %s",
		e.Resource, e.Requested, e.Used, e.Limit, e.Resource).Because(e)
}

// add changes one count and gives what it is then.
func (b *Book) add(ctx context.Context, tx *store.Tx, projectID string, r Resource, delta int) (used int, err error) {
	err = tx.QueryRow(ctx, `INSERT INTO quota_usage (project_id, service, resource, used) VALUES (?, ?, ?, ?)
		ON CONFLICT (project_id, service, resource) DO UPDATE
		SET used = CASE WHEN quota_usage.used + ? < 0 THEN 0 ELSE quota_usage.used + ? END
		RETURNING used`, projectID, b.service, string(r), max(delta, 0), delta, delta).Scan(&used)
	return used, errs.Wrap(err, "count %s of project %s", r, projectID)
}

// Usage gives the limit and the count of every resource of a project.
func (b *Book) Usage(ctx context.Context, db bun.IDB, projectID string) (map[Resource]Usage, error) {
	limits, err := b.Limits(ctx, db, projectID)
	if err != nil {
		return nil, err
	}
	used, err := numbers(db.QueryContext(ctx, "SELECT resource, used FROM quota_usage WHERE project_id = ? AND service = ?", projectID, b.service))
	if err != nil {
		return nil, err
	}
	usage := make(map[Resource]Usage, len(limits))
	for r, limit := range limits {
		usage[r] = Usage{Limit: limit, Used: used[r]}
	}
	return usage, nil
}

// known refuses resources that this book does not count: a fault of ours.
func (b *Book) known(amounts map[Resource]int) error {
	for r := range amounts {
		if _, ok := b.defaults[r]; !ok {
			return fmt.Errorf("%s does not count %q", b.service, r)
		}
	}
	return nil
}

// numbers reads a number for each resource that has one.
func numbers(rows *sql.Rows, err error) (map[Resource]int, error) {
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	numbers := map[Resource]int{}
	for rows.Next() {
		var r Resource
		var n int
		if err := rows.Scan(&r, &n); err != nil {
			return nil, err
		}
		numbers[r] = n
	}
	return numbers, rows.Err()
}
