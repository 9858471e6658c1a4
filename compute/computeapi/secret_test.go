package computeapi_test

import (
	"bytes"
	"encoding/base64"
	"log/slog"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute/computeapi"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/store/storetest"
)

// Secrets of servers are shown to nobody but those who gave them: not in
// faults, not in logs, not in any row.
func TestSecretsStayWhereTheyBelong(t *testing.T) {
	w := newWorld(t)
	var logs bytes.Buffer
	api, err := computeapi.New(w.compute, httpapi.Config{Prefix: "/compute", Verifier: tokens{}, Clock: w.clock,
		Logger: slog.New(slog.NewJSONHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	require.NoError(t, err)
	w.api = api
	canary := uuid.NewString()
	coded := base64.StdEncoding.EncodeToString([]byte(canary))
	c := w.client(t, "member", "2.1")
	good := object{"adminPass": canary, "user_data": coded, "personality": []object{{"path": "/etc/x", "contents": coded}}}
	made := c.do("POST", "/servers", w.create(t, good)).Want(202)
	var out struct{ Server struct{ ID string } }
	made.JSON(&out)
	w.idle(t)
	c.do("POST", "/servers/"+out.Server.ID+"/action", object{"rebuild": object{"imageRef": w.image, "adminPass": canary}}).Want(202)
	w.idle(t)
	for field, value := range map[string]any{"adminPass": []string{canary}, "admin_pass": canary, "user_data": canary, "personality": []object{{"path": "x", "contents": canary}},
		"flavorRef": []string{"x"}, "networks": canary} {
		for _, version := range []string{"2.1", "2.96"} {
			body := w.create(t, object{"adminPass": canary})
			body["server"].(object)[field] = value
			res := w.client(t, "member", version).do("POST", "/servers", body).Want(400)
			if field != "networks" { // is no secret
				require.NotContains(t, string(res.Body), canary, field)
			}
		}
	}
	require.NotContains(t, logs.String(), canary)
	require.NotContains(t, logs.String(), coded)
	for _, table := range w.tables(t) {
		for _, text := range []string{canary, coded} {
			require.False(t, w.holds(t, table, text), table)
		}
	}
}

// tables lists all tables of the database.
func (w *world) tables(t *testing.T) (names []string) {
	t.Helper()
	names = storetest.Tables(t, w.db)
	require.Contains(t, names, "compute_guest_data")
	return names
}

// holds tells whether a text stands in any column of a table.
func (w *world) holds(t *testing.T, table, text string) bool {
	t.Helper()
	rows, err := w.db.Query(t.Context(), "SELECT * FROM "+table)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	columns, err := rows.Columns()
	require.NoError(t, err)
	for rows.Next() {
		values := make([]any, len(columns))
		for n := range values {
			values[n] = new([]byte)
		}
		require.NoError(t, rows.Scan(values...))
		for _, v := range values {
			if bytes.Contains(*v.(*[]byte), []byte(text)) {
				return true
			}
		}
	}
	require.NoError(t, rows.Err())
	return false
}
