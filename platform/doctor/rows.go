package doctor

import (
	"context"
	"slices"

	"github.com/cumulite/cumulite/platform/store"
)

// Rows is a check that is one query, and so sees one state of the database.
type Rows struct {
	DB   *store.Store
	Noun string // what objects are called: "port" makes "port 1f0c…"
	// Find gives an id and what is wrong with it: SELECT …AS id, …AS says.
	Find string
	Args []any
	// Mend mends what has that id, in a transaction in which it is still to be
	// found. nil: somebody has to decide.
	Mend func(ctx context.Context, tx *store.Tx, id string) error
}

// Check is that of an Invariant.
func (r Rows) Check(ctx context.Context) (found []Finding, err error) {
	rows, err := r.DB.Query(ctx, r.Find, r.Args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, says string
		if err := rows.Scan(&id, &says); err != nil {
			return nil, err
		}
		f := Finding{Object: r.Noun + " " + id, Says: says}
		if r.Mend != nil {
			f.Repair = func(ctx context.Context) error { return r.repair(ctx, id) }
		}
		found = append(found, f)
	}
	return found, rows.Err()
}

func (r Rows) repair(ctx context.Context, id string) error {
	return r.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		var still bool
		err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM ("+r.Find+") AS found WHERE id = ?)", append(slices.Clone(r.Args), id)...).Scan(&still)
		if err != nil || !still {
			return err
		}
		return r.Mend(ctx, tx, id)
	})
}

// Orphans is the check that what column names in each row of table is there,
// by the id of a row of owner, and that removes the rows of what is not.
func Orphans(db *store.Store, table, column, owner string) Rows {
	where := " NOT EXISTS (SELECT 1 FROM " + owner + " AS owner WHERE owner.id = " + table + "." + column + ")"
	return Rows{DB: db, Noun: table + " of",
		Find: "SELECT DISTINCT " + column + " AS id, 'it is no more' AS says FROM " + table + " WHERE" + where,
		Mend: func(ctx context.Context, tx *store.Tx, id string) error {
			_, err := tx.Exec(ctx, "DELETE FROM "+table+" WHERE "+column+" = ? AND"+where, id)
			return err
		}}
}

// All is a check of several.
func All(checks ...Rows) func(ctx context.Context) ([]Finding, error) {
	return func(ctx context.Context) (all []Finding, err error) {
		for _, c := range checks {
			found, err := c.Check(ctx)
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
		}
		return all, nil
	}
}
