package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/test/need"
)

// impatient keeps Tempest's waiting short. Debian's has ten seconds before each
// deletion of a subnet.
const impatient = `import time
sleep = time.sleep
time.sleep = lambda seconds: sleep(min(seconds, 0.1))
`

// Tempest is OpenStack's own judge. testdata/tempest.txt names the tests that
// an interoperable cloud has to pass (OpenStack Powered Compute and SCS-0128),
// as far as they are about what is here: none about volumes, snapshots of
// servers, resizing, application credentials, subnet pools, logging in to a
// guest, or compute's old ways to networks.
func TestTempestPasses(t *testing.T) {
	needOpenstack(t)
	need.File(t, "/usr/lib/python3/dist-packages/tempest/api/compute/base.py")
	d := startDaemon(t, here, "--ephemeral", "--admin-password", "for-tempest-only")
	w := newTempest(t, cloud{d, here, "cumulite-admin"})
	wanted, err := os.ReadFile("testdata/tempest.txt")
	require.NoError(t, err)
	names := strings.Fields(string(wanted))
	out, err := w.run("/usr/bin/tempest", "run", "--include-list", w.write("wanted", `^`+strings.Join(names, `\[`+"\n^")+`\[`), "--concurrency", "2")
	require.NoError(t, err, out)
	require.Equal(t, len(names), len(passed.FindAllString(out, -1)), "some were left out:\n%s", out)
}

var passed = regexp.MustCompile(`(?m)^\{\d+\} tempest\S+ \[.*\] \.\.\. ok$`)

// tempest is a workspace of it, made for one cloud.
type tempest struct {
	t   *testing.T
	dir string
}

func newTempest(t *testing.T, admin cloud) tempest {
	w := tempest{t, filepath.Join(t.TempDir(), "tempest")}
	_, err := output(t, here, nil, "/usr/bin/tempest", "init", w.dir)
	require.NoError(t, err)
	raw := disk{w.write("disk", strings.Repeat("\x00", 1<<20)), "raw"}
	provide(t, admin, raw)
	admin.must(t, "flavor", "create", "--id", "2", "--ram", "256", "--disk", "1", "--vcpus", "1", "m1.small")
	other := admin.field(t, "id", "image", "create", "--public", "--disk-format", "raw", "--file", raw.path, "other")
	form, err := os.ReadFile("testdata/tempest.conf")
	require.NoError(t, err)
	values := map[string]string{"url": admin.url, "password": "for-tempest-only", "other_image": other,
		"image": admin.field(t, "id", "image", "show", "guest"), "network": admin.field(t, "id", "network", "show", "public"),
		"extensions": strings.Join(strings.Fields(admin.must(t, "extension", "list", "--network", "-f", "value", "-c", "Alias")), ",")}
	w.write("etc/tempest.conf", os.Expand(string(form), func(name string) string { return values[name] }))
	w.write("sitecustomize.py", impatient)
	return w
}

// write makes a file of the workspace and gives its path.
func (w tempest) write(name, content string) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	require.NoError(w.t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// run runs a program in the workspace.
func (w tempest) run(program string, args ...string) (string, error) {
	w.t.Helper()
	return output(w.t, here, []string{"PYTHONPATH=" + w.dir, "PWD=" + w.dir}, "/usr/bin/env", append([]string{"--chdir=" + w.dir, program}, args...)...)
}
