package doctor_test

import (
	"context"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/doctor"
	"github.com/cumulite/cumulite/platform/store"
	"github.com/cumulite/cumulite/platform/store/storetest"
)

func TestOrphansAreFoundOnceForEachOwnerAndRemoved(t *testing.T) {
	db := storetest.Open(t, store.Migrations{Name: "zoo", Files: fstest.MapFS{"00001_zoo.sql": {Data: []byte(`-- +goose Up
		CREATE TABLE zoo_animals (id TEXT NOT NULL PRIMARY KEY);
		CREATE TABLE zoo_cages (animal_id TEXT NOT NULL, bar TEXT NOT NULL);
		INSERT INTO zoo_animals (id) VALUES ('ape');
		INSERT INTO zoo_cages (animal_id, bar) VALUES ('ape', '1'), ('gnu', '1'), ('gnu', '2'), ('emu', '1');`)}}})
	check := doctor.Orphans(db, "zoo_cages", "animal_id", "zoo_animals")
	found, err := doctor.All(check, check)(t.Context())
	require.NoError(t, err)
	require.Len(t, found, 4, "two owners, twice")
	require.ElementsMatch(t, []string{"zoo_cages of gnu", "zoo_cages of emu"}, []string{found[0].Object, found[1].Object})

	require.NoError(t, db.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO zoo_animals (id) VALUES ('emu')")
		return err
	}))
	for _, f := range found {
		require.NoError(t, f.Repair(t.Context()))
	}
	var bars int
	require.NoError(t, db.QueryRow(t.Context(), "SELECT COUNT(*) FROM zoo_cages").Scan(&bars))
	require.Equal(t, 2, bars, "the ape's, and those of the emu that came back")

	_, err = doctor.All(doctor.Rows{DB: db, Find: "SELECT nothing"})(t.Context())
	require.Error(t, err)
}

func TestRowsWithoutMendAreToBeDecidedOn(t *testing.T) {
	db := storetest.Open(t)
	found, err := doctor.Rows{DB: db, Noun: "host", Find: "SELECT 'a' AS id, 'it is on fire' AS says WHERE 1 = ?", Args: []any{1}}.Check(t.Context())
	require.NoError(t, err)
	require.Equal(t, []doctor.Finding{{Object: "host a", Says: "it is on fire"}}, found)
}

func TestARepairLooksOnceMore(t *testing.T) {
	db := storetest.Open(t, store.Migrations{Name: "zoo", Files: fstest.MapFS{"00001_zoo.sql": {Data: []byte(`-- +goose Up
		CREATE TABLE zoo_fires (id TEXT NOT NULL PRIMARY KEY);
		INSERT INTO zoo_fires (id) VALUES ('a');`)}}})
	mended := 0
	put := func(ctx context.Context, tx *store.Tx, id string) error {
		mended++
		_, err := tx.Exec(ctx, "DELETE FROM zoo_fires WHERE id = ?", id)
		return err
	}
	found, err := doctor.Rows{DB: db, Find: "SELECT id, 'it is on fire' AS says FROM zoo_fires", Mend: put}.Check(t.Context())
	require.NoError(t, err)
	require.NoError(t, found[0].Repair(t.Context()))
	require.NoError(t, found[0].Repair(t.Context()))
	require.Equal(t, 1, mended)
}
