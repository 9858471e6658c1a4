package e2e

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// cloud is one user of a running cloud, at the openstack command.
type cloud struct {
	*daemon
	in   spawn
	name string
}

// do runs the openstack command.
func (c cloud) do(t testing.TB, args ...string) (string, error) {
	t.Helper()
	return output(t, c.in, []string{"OS_CLIENT_CONFIG_FILE=" + c.clouds, "OS_CLOUD=" + c.name}, "/usr/bin/openstack", args...)
}

func (c cloud) must(t testing.TB, args ...string) string {
	t.Helper()
	out, err := c.do(t, args...)
	require.NoError(t, err, "openstack %s", strings.Join(args, " "))
	return out
}

// show runs a command that shows one thing and gives it.
func (c cloud) show(t testing.TB, args ...string) (thing map[string]any) {
	t.Helper()
	out := c.must(t, append(args, "-f", "json")...)
	require.NoError(t, json.Unmarshal([]byte(out), &thing), out)
	return thing
}

// field gives one field of what a command shows.
func (c cloud) field(t testing.TB, name string, args ...string) string {
	t.Helper()
	return strings.TrimSpace(c.must(t, append(args, "-f", "value", "-c", name)...))
}

// list runs a command that lists.
func (c cloud) list(t testing.TB, args ...string) (rows []map[string]any) {
	t.Helper()
	out := c.must(t, append(args, "-f", "json")...)
	require.NoError(t, json.Unmarshal([]byte(out), &rows), out)
	return rows
}

// eventually asks until yes, for as long as a guest may take to boot when the machine is busy.
func eventually(t testing.TB, what string, yes func() bool) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); time.Sleep(500 * time.Millisecond) {
		if yes() {
			return
		}
	}
	t.Fatalf("waited in vain: %s", what)
}

var passwordLine = regexp.MustCompile(`password: "?([^"\n]+)"?`)

// passwords finds those in a clouds.yaml.
func passwords(text string) (all []string) {
	for _, found := range passwordLine.FindAllStringSubmatch(text, -1) {
		all = append(all, found[1])
	}
	return all
}
