package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"reflect"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"

	"github.com/cumulite/cumulite/platform/errs"
)

// Get reads the row with that id; IsNone tells that it is not there. A row is
// a bun model with one primary key.
func Get[T any](ctx context.Context, db bun.IDB, id string) (*T, error) {
	row := new(T)
	models, raw := unwrap(db)
	if models == nil {
		return row, db.NewSelect().Model(row).Where("?TablePKs = ?", id).Scan(ctx)
	}
	// bun writes the statement, with a parameter for the id: the engine then
	// keeps it prepared, which halves its time.
	text, err := db.NewSelect().Model(row).Where("?TablePKs = ?", bun.Safe("?")).AppendQuery(models.QueryGen(), nil)
	if err != nil {
		return nil, err
	}
	rows, err := raw.QueryContext(ctx, db.Dialect().(Dialect).Bind(string(text)), id)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	if !rows.Next() {
		return nil, cmp.Or(rows.Err(), sql.ErrNoRows)
	}
	return row, models.ScanRow(ctx, rows, row)
}

// unwrap gives what scans models, and what takes bound arguments; nil for an
// IDB that is neither a Tx nor the readers.
func unwrap(db bun.IDB) (models *bun.DB, raw bun.IConn) {
	switch db := db.(type) {
	case *Tx:
		return db.models, db.raw
	case *bun.DB:
		return db, db.DB
	}
	return nil, nil
}

// Insert adds a row; IsDuplicate tells that a unique value of it is taken.
func Insert[T any](ctx context.Context, tx *Tx, row *T) error {
	_, err := tx.NewInsert().Model(row).Exec(ctx)
	return err
}

// Update writes these columns of the row, and no others. In a model with a
// column "version" it is raised by one, and a row whose version is no longer
// the one in hand is an errs.Conflict. IsNone tells that the row is not there.
func Update[T any](ctx context.Context, tx *Tx, row *T, columns ...string) error {
	if len(columns) == 0 {
		return fmt.Errorf("update %T: no columns named", row)
	}
	q := tx.NewUpdate().Model(row).Column(columns...).WherePK()
	field := table[T](tx).FieldMap["version"]
	if field == nil {
		return someRow(q.Exec(ctx))
	}
	version := field.Value(reflect.ValueOf(row).Elem())
	old := version.Int()
	version.SetInt(old + 1)
	err := someRow(q.Column("version").Where("version = ?", old).Exec(ctx))
	if err != nil {
		version.SetInt(old)
	}
	if IsNone(err) {
		return lostRace(ctx, tx, row)
	}
	return err
}

// lostRace says why no row had both the key and the version of row.
func lostRace[T any](ctx context.Context, tx *Tx, row *T) error {
	there, err := tx.NewSelect().Model(row).WherePK().Exists(ctx)
	if err != nil {
		return err
	}
	if !there {
		return sql.ErrNoRows
	}
	return errs.Conflictf("The resource was changed by another request.")
}

// Delete removes the row with that id; IsNone tells that it was not there.
func Delete[T any](ctx context.Context, tx *Tx, id string) error {
	res, err := tx.NewDelete().Model((*T)(nil)).Where("?PKs = ?", id).Exec(ctx)
	return someRow(res, err)
}

func table[T any](db bun.IDB) *schema.Table {
	return db.Dialect().Tables().Get(reflect.TypeFor[T]())
}

// someRow makes a statement that touched no row sql.ErrNoRows.
func someRow(res sql.Result, err error) error {
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n == 0 {
		return sql.ErrNoRows
	}
	return err
}
