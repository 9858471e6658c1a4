// Package quota counts what projects use, in the transaction that creates or
// deletes what is counted.
package quota

import (
	"context"
	"embed"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/store"
)

// Resource is something that is limited: "instances", "cores", "network".
type Resource string

// Exceeded says which limit stood in the way.
type Exceeded struct {
	Resource               Resource
	Requested, Used, Limit int
}

// Error implements error.
func (e *Exceeded) Error() string {
	return fmt.Sprintf("%s: requested %d, used %d, limit %d", e.Resource, e.Requested, e.Used, e.Limit)
}

// Usage is what a project may have and has.
type Usage struct{ Limit, Used int }

// Book keeps the counts and limits of one service.
type Book struct {
	service  string
	defaults map[Resource]int
}

//go:embed *.sql
var files embed.FS

// Migrations gives the tables of counts and limits.
func Migrations() store.Migrations { return store.Migrations{Name: "quota", Files: files} }

// New gives the book of a service with its default limits; -1 is unlimited.
func New(service string, defaults map[Resource]int) *Book { return &Book{service, defaults} }

// Use changes the counts.
func (b *Book) Use(ctx context.Context, tx *store.Tx, projectID string, deltas map[Resource]int) error {
	return nil
}

// Usage gives limits and counts of a project.
func (b *Book) Usage(ctx context.Context, db bun.IDB, projectID string) (map[Resource]Usage, error) {
	return nil, nil
}

// SetLimits sets limits of a project.
func (b *Book) SetLimits(ctx context.Context, tx *store.Tx, projectID string, limits map[Resource]int) error {
	return nil
}

// ClearLimits makes the defaults hold again for a project.
func (b *Book) ClearLimits(ctx context.Context, tx *store.Tx, projectID string) error { return nil }

// Limits gives the limits of a project.
func (b *Book) Limits(ctx context.Context, db bun.IDB, projectID string) (map[Resource]int, error) {
	return nil, nil
}

// Defaults gives the limits of projects that have none of their own.
func (b *Book) Defaults() map[Resource]int { return b.defaults }

// Recount sets the counts to what was counted and gives those that were wrong.
func (b *Book) Recount(ctx context.Context, tx *store.Tx, projectID string, counted map[Resource]int) (changed map[Resource]Usage, err error) {
	return nil, nil
}
