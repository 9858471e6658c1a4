package identityapi_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/httpapi/httpapitest"
	"github.com/cumulite/cumulite/platform/store/storetest"
)

// journal keeps all that is logged.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// A password or token that goes in comes out nowhere: in no log, fault, answer
// (but for the header that a token is issued in) or column.
func TestSecretsAreSeenNowhere(t *testing.T) {
	var log journal
	w := newWorld(t, httpapi.Config{Logger: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}))})
	canary := rand.Text()
	text := w.tokenOf("ann")
	c := w.as("ada")
	eve := entity(c.Do("POST", "/identity/v3/users", object{"user": object{"name": "eve", "password": canary}}).Want(201), "user")["id"].(string)
	path := "/identity/v3/users/" + eve
	user := func(in object) object { return object{"user": in} }
	change := func(old any) object { return user(object{"original_password": old, "password": canary}) }
	answers := []*httpapitest.Response{
		c.Get(path).Want(200), c.Get("/identity/v3/users").Want(200),
		c.Do("PATCH", path, user(object{"password": canary + "2"})).Want(200),
		c.Do("PATCH", path, user(object{"password": canary + "2", "original_password": canary})).Want(200),
		c.Do("PATCH", path, user(object{"password": canary, "name": 5})).Want(400),
		c.Do("PATCH", path, user(object{"password": []string{canary}})).Want(400),
		c.Do("PATCH", path, object{"user": []any{object{"password": canary}}}).Want(400),
		c.Do("PATCH", path, object{"user": object{"password": canary}, "password": canary}).Want(400),
		c.Do("POST", "/identity/v3/users", user(object{"name": "eve", "password": canary})).Want(409),
		c.Do("POST", "/identity/v3/users", user(object{"password": canary})).Want(400),
		c.Do("POST", "/identity/v3/users", `{"user": {"password": "`+canary+`"`).Want(400),
		c.Do("POST", path+"/password", change(canary+"2")).Want(204),
		c.Do("POST", path+"/password", change("wrong")).Want(401),
		c.Do("POST", path+"/password", change(5)).Want(400),
		c.Do("POST", path+"/password", user(object{"original_password": canary})).Want(400),
	}
	anyone := w.as("")
	logins := []any{login("eve", canary, nil), login("ann", canary, nil), login("eve", canary, object{"project": object{"id": w.web.ID}}),
		login("eve", canary, "nowhere"), login("eve", canary, 5),
		object{"auth": object{"identity": object{"methods": []string{"token"}, "token": object{"id": canary}}}},
		object{"auth": object{"identity": object{"methods": []string{"token"}, "token": object{"id": []string{text}}}}},
		object{"auth": object{"identity": object{"methods": []string{"totp"}, "totp": object{"passcode": canary}}}},
		object{"auth": object{"identity": []any{object{"password": canary}}}},
	}
	for _, body := range logins {
		answers = append(answers, anyone.Do("POST", "/identity/v3/auth/tokens", body))
	}
	answers = append(answers, c.With("X-Subject-Token", canary).Get("/identity/v3/auth/tokens").Want(404), anyone.With("X-Auth-Token", canary).Get(path).Want(401))
	w.broken.Store(true)
	answers = append(answers, c.Do("PATCH", path, user(object{"password": canary + "3"})).Want(500), c.With("X-Subject-Token", text).Do("DELETE", "/identity/v3/auth/tokens", nil).Want(500))
	w.broken.Store(false)

	require.Equal(t, 201, answers[len(answers)-len(logins)-4].Status, "the password itself holds")
	for _, secret := range []string{canary, text} {
		for _, a := range answers {
			require.NotContains(t, string(a.Body)+header(a.Header), secret)
		}
		require.NotContains(t, log.String(), secret)
		require.NotContains(t, w.dump(t), secret)
	}
	require.Contains(t, log.String(), "the disk is gone", "the log is looked at")
	require.Contains(t, w.dump(t), "$2", "and so are the columns")
}

// header gives the headers of an answer as text.
func header(h http.Header) string { return fmt.Sprint(h) }

// dump gives every value of every table.
func (w *world) dump(t *testing.T) string {
	var out strings.Builder
	tables := storetest.Tables(t, w.db)
	require.Greater(t, len(tables), 8)
	for _, table := range tables {
		var rows []map[string]any
		require.NoError(t, w.db.Read().NewSelect().Table(table).Scan(t.Context(), &rows))
		for _, row := range rows {
			for _, v := range row {
				fmt.Fprintf(&out, "%s\n", v)
			}
		}
	}
	return out.String()
}
