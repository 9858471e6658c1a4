package postgres_test

import (
	"testing/fstest"

	"github.com/cumulite/cumulite/platform/store"
)

func shelf() store.Migrations {
	return store.Migrations{Name: "shelf", Files: fstest.MapFS{
		"00001_shelf.sql": {Data: []byte("-- +goose Up\nCREATE TABLE shelf_books (id TEXT NOT NULL PRIMARY KEY);\n")},
		"00002_shelf.sql": {Data: []byte("-- +goose Up\nALTER TABLE shelf_books ADD COLUMN title TEXT NOT NULL DEFAULT '';\n")},
	}}
}
