package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"github.com/uptrace/bun/dialect"
)

var gooseDialects = map[dialect.Name]goose.Dialect{
	dialect.SQLite: goose.DialectSQLite3,
	dialect.PG:     goose.DialectPostgres,
}

// migrate brings one service's tables to its newest version. A database that
// is newer than the program is left alone and refused.
func migrate(ctx context.Context, e Engine, m Migrations) error {
	table := m.Name + "_schema"
	newest, err := newestVersion(m.Files)
	if err != nil {
		return err
	}
	switch has := recordedVersion(ctx, e.Writer(), table); {
	case has == newest:
		return nil
	case has > newest:
		return fmt.Errorf("the database has version %d, this program knows only %d", has, newest)
	}
	options := []goose.ProviderOption{goose.WithTableName(table), goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger())}
	if e.Dialect().Name() == dialect.PG { // one program at a time
		one, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 60), lock.WithUnlockTimeout(1, 60))
		if err != nil {
			return err
		}
		options = append(options, goose.WithSessionLocker(one))
	}
	p, err := goose.NewProvider(gooseDialects[e.Dialect().Name()], e.Writer(), m.Files, options...)
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

// newestVersion reads the highest number that begins a file's name.
func newestVersion(files fs.FS) (int64, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil || len(names) == 0 {
		return 0, errors.Join(errors.New("no migrations found"), err)
	}
	var newest int64
	for _, name := range names {
		digits, _, _ := strings.Cut(name, "_")
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("migration %s: its name does not begin with a number", name)
		}
		newest = max(newest, n)
	}
	return newest, nil
}

// recordedVersion gives -1 for a database without that table.
func recordedVersion(ctx context.Context, db *sql.DB, table string) int64 {
	var version int64
	if db.QueryRowContext(ctx, "SELECT max(version_id) FROM "+table).Scan(&version) != nil {
		return -1
	}
	return version
}
