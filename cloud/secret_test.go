package cloud_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/cloud"
	simfault "github.com/cumulite/cumulite/drivers/sim/fault"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi/httpapitest"
	"github.com/cumulite/cumulite/platform/secret"
)

// pushed is a row's field that is secret, with a request that sends one.
type pushed struct {
	row, field   string
	method, path string
	body         func(value any) object
	shown        bool // to who sent it, in the answer
}

// pushedSecrets has a line for each secret field of each row.
func (w *world) pushedSecrets(flavor, image, network, server, user string) []pushed {
	const servers, tokens = "/compute/v2.1/servers", "/identity/v3/auth/tokens"
	action := servers + "/" + server + "/action"
	file := func(v any) any { return []object{{"path": "/etc/motd", "contents": v}} }
	create := func(field string) func(any) object {
		return func(v any) object {
			return object{"server": object{"name": "s", "flavorRef": flavor, "imageRef": image, "networks": []object{{"uuid": network}}, field: v}}
		}
	}
	rebuild := func(field string) func(any) object {
		return func(v any) object { return object{"rebuild": object{"imageRef": image, field: v}} }
	}
	person := func(key string) func(any) object {
		return func(v any) object { return object{"user": object{"name": rand.Text(), key: v}} }
	}
	change := func(v any) object { return object{"user": object{"original_password": v, "password": v}} }
	login := func(method string, data func(any) object) func(any) object {
		return func(v any) object {
			return object{"auth": object{"identity": object{"methods": []string{method}, method: data(v)}}}
		}
	}
	return []pushed{
		{"POST /servers", "server.adminPass", "POST", servers, create("adminPass"), true},
		{"POST /servers", "server.user_data", "POST", servers, create("user_data"), false},
		{"POST /servers", "server.personality.contents", "POST", servers, func(v any) object { return create("personality")(file(v)) }, false},
		{"POST /servers @2.37", "server.personality.contents", "POST", servers, func(v any) object { return create("personality")(file(v)) }, false},
		{"POST /servers/{server_id}/action rebuild", "rebuild.personality.contents", "POST", action, func(v any) object { return rebuild("personality")(file(v)) }, false},
		{"POST /servers @2.37", "server.adminPass", "POST", servers, create("adminPass"), true},
		{"POST /servers @2.37", "server.user_data", "POST", servers, create("user_data"), false},
		{"POST /servers/{server_id}/action rebuild", "rebuild.adminPass", "POST", action, rebuild("adminPass"), true},
		{"POST /servers/{server_id}/action rebuild", "rebuild.user_data", "POST", action, rebuild("user_data"), true},
		{"POST /users", "user.password", "POST", "/identity/v3/users", person("password"), false},
		{"PATCH /users/{user_id}", "user.password", "PATCH", "/identity/v3/users/" + user, person("password"), false},
		{"POST /users/{user_id}/password", "user.original_password", "POST", "/identity/v3/users/" + user + "/password", change, false},
		{"POST /users/{user_id}/password", "user.password", "POST", "/identity/v3/users/" + user + "/password", change, false},
		{"POST /auth/tokens", "auth.identity.token.id", "POST", tokens, login("token", func(v any) object { return object{"id": v} }), false},
		{"POST /auth/tokens", "auth.identity.password.user.password", "POST", tokens,
			login("password", func(v any) object { return object{"user": object{"id": user, "password": v}} }), false},
	}
}

// A secret that goes in through any field of any row, well or badly, by anyone,
// over a working or a failing store and host, comes out nowhere: in no log,
// fault, metric or column, and in no file.
func TestSecretsAreSeenNowhere(t *testing.T) {
	var broken atomic.Bool
	w := newWorld(t, func(w *world) {
		w.o.Faults = &cloud.Faults{Store: func(op string) error {
			if broken.Load() && op == "commit" {
				return errors.New("the disk is gone")
			}
			return nil
		}}
	})
	w.unlimited()
	flavor, image := w.flavor(), w.admin.image("public")
	network, _ := w.blue.network("net", "10.0.0.0/16")
	there := id(w.blue.make("/compute/v2.1/servers", "server", server("there", flavor, image, network, nil)["server"].(object)))
	user := id(w.admin.make("/identity/v3/users", "user", object{"name": "eve", "password": password}))
	w.settled()
	w.machine.host.SetFault(simfault.FailAt("create", "", 5, errs.Invalidf("simulated refusal")))
	lines := w.pushedSecrets(flavor, image, network, there, user)
	require.Equal(t, w.secretFields(), fieldsOf(lines), "each secret field has a line")

	var secrets []string
	for _, line := range lines {
		who := []client{w.blue, w.admin, w.login("eye", "blue"), w.red}
		values := push(line, who, &broken)
		w.unseen(values) // while operations are on their way
		secrets = append(secrets, values...)
		w.settled()
	}
	for _, c := range []client{w.blue, w.red, w.admin} {
		secrets = append(secrets, c.Token)
	}
	stranger := rand.Text()
	fault := w.blue.With("X-Subject-Token", stranger).Get("/identity/v3/auth/tokens").Want(404)
	require.NotContains(t, string(fault.Body), stranger)
	unknown := w.red
	unknown.Token = stranger
	fault = unknown.Get("/compute/v2.1/servers").Want(401)
	require.NotContains(t, string(fault.Body), stranger)
	w.unseen(append(secrets, stranger, w.generatedKey()))
	require.Contains(t, w.log.String(), "the disk is gone", "the log is looked at")
}

// push sends a line's secrets in all ways, and gives them.
func push(line pushed, who []client, broken *atomic.Bool) (values []string) {
	taken, refusals := false, ""
	for _, c := range who {
		for _, way := range []string{"well", "broken", "list", "number", "unknown", "cut", "type", "long"} {
			inside := rand.Text()
			value := base64.StdEncoding.EncodeToString([]byte(inside))
			values = append(values, inside, value)
			r := sendIn(way, line, c, value, broken)
			switch {
			case way == "well" && r.Status < 300:
				taken = true
			case way == "well":
				refusals += string(r.Body)
			}
			seen := string(r.Body) + fmt.Sprint(r.Header)
			if !line.shown || r.Status >= 300 {
				require.NotContains(c.T, seen, value, "%s %s %s", way, line.row, line.field)
			}
			require.NotContains(c.T, seen, inside, "%s %s %s", way, line.row, line.field)
		}
	}
	if !strings.HasPrefix(line.row, "POST /auth") && !strings.HasSuffix(line.row, "/password") { // which know their secrets beforehand
		require.True(who[0].T, taken, "%s %s is never taken: %s", line.row, line.field, refusals)
	}
	return values
}

// sendIn sends a secret as its field wants it, or in one of the ways that nobody wants.
func sendIn(way string, line pushed, c client, value string, broken *atomic.Bool) *httpapitest.Response {
	switch {
	case line.row == "POST /servers":
		c = c.at("2.36")
	case strings.Contains(line.field, "personality"):
		c = c.at("2.56")
	default:
		c = c.at("2.96")
	}
	var body any
	switch way {
	case "list":
		body = line.body([]string{value})
	case "number":
		body = line.body(object{value: 1})
	case "long":
		body = line.body(strings.Repeat(value, 5000))
	default:
		body = line.body(value)
	}
	switch way {
	case "unknown":
		body.(object)["no_such_name"] = value
		for _, inner := range body.(object) {
			if o, is := inner.(object); is {
				o["no_such_field"], o["name"] = value, 5
			}
		}
	case "cut":
		text, _ := json.Marshal(body)
		body = text[:len(text)-1]
	case "type":
		c.Client = c.With("Content-Type", "text/plain")
	case "broken":
		broken.Store(true)
		defer broken.Store(false)
	}
	return c.Do(line.method, line.path, body)
}

// generatedKey has a key pair generated and gives a part of the private half.
func (w *world) generatedKey() string {
	w.t.Helper()
	k := w.blue.make("/compute/v2.1/os-keypairs", "keypair", object{"name": "generated"})
	private := k["private_key"].(string)
	require.NotContains(w.t, fmt.Sprint(w.blue.call("GET", "/compute/v2.1/os-keypairs/generated", nil, 200)), private[100:140])
	return private[100:140]
}

// unseen wants secrets to stand nowhere that is kept.
func (w *world) unseen(secrets []string) {
	w.t.Helper()
	kept := map[string]string{"the log": w.log.String(), "the database": w.dump(), "the metrics": w.exposition()}
	require.NoError(w.t, filepath.WalkDir(w.Dir(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		kept[path] = string(b)
		return err
	}))
	for where, text := range kept {
		for _, s := range secrets {
			if at := strings.Index(text, s); at >= 0 {
				w.t.Fatalf("%s has a secret: %q", where, text[max(0, at-200):at+len(s)])
			}
		}
	}
}

// exposition gives the metrics as they are scraped.
func (w *world) exposition() string {
	w.t.Helper()
	families, err := w.metrics.Gather()
	require.NoError(w.t, err)
	require.NotEmpty(w.t, families)
	return fmt.Sprint(families)
}

// secretFields lists the secret fields of all rows' bodies, as "row: field".
func (w *world) secretFields() (out []string) {
	for _, api := range w.APIs() {
		for _, r := range api.Routes() {
			if r.Request == nil {
				continue
			}
			for _, field := range secretsIn(reflect.TypeOf(r.Request), "") {
				out = append(out, r.Key()+": "+field)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// secretsIn finds the fields that are secret by their type, wherever they are.
func secretsIn(t reflect.Type, path string) (out []string) {
	if t == reflect.TypeFor[secret.String]() {
		return []string{strings.Trim(path, ".")}
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return secretsIn(t.Elem(), path)
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch {
			case name == "-" && f.Tag.Get("api") != "inline", name == "" && !f.Anonymous && f.Name != "Value":
				continue
			case name != "" && name != "-":
				name = "." + name
			default:
				name = ""
			}
			out = append(out, secretsIn(f.Type, path+name)...)
		}
	}
	return out
}

func fieldsOf(lines []pushed) (out []string) {
	for _, l := range lines {
		out = append(out, l.row+": "+l.field)
	}
	slices.Sort(out)
	return out
}
