package house

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// heavy modules must not reach programs that import only the library's services.
var heavy = []string{"modernc.org/sqlite", "github.com/jackc/pgx", "github.com/nats-io", "github.com/digitalocean/go-libvirt", "libvirt.org/",
	"github.com/vishvananda/netlink", "github.com/google/nftables", "k8s.io/", "github.com/open-policy-agent", "runtime/cgo"}

func TestServicesLinkNoEngineBrokerOrDriver(t *testing.T) {
	for _, service := range services {
		if files, _ := filepath.Glob(filepath.Join(root, service, "*.go")); len(files) == 0 {
			continue
		}
		linksNone(t, service, heavy)
	}
}

// A host is small, and what it does not have nobody attacks there.
func TestHostsLinkNoEngineAndNoServerOfTheBroker(t *testing.T) {
	linksNone(t, "daemons/hostagent", []string{"modernc.org/", "github.com/jackc/pgx", "github.com/nats-io/nats-server", "runtime/cgo",
		module + "cloud/fleet/authority", module + "platform/store/sqlite", module + "platform/store/postgres", module + "platform/httpapi"})
}

// linksNone checks that nothing of these is in what a package is made of.
func linksNone(t *testing.T, dir string, banned []string) {
	t.Helper()
	list := exec.Command("go", "list", "-deps", "./"+dir)
	list.Dir = root
	list.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := list.Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(out)) {
		for _, prefix := range banned {
			require.False(t, strings.HasPrefix(line, prefix), "%s links %s", dir, line)
		}
	}
}

// The SQLite translation works only with the libc version it was made with.
func TestLibcIsTheOneThatSQLiteNames(t *testing.T) {
	version := regexp.MustCompile(`modernc\.org/libc (v\S+)`)
	read := func(name string) string {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		match := version.FindSubmatch(text)
		require.NotNil(t, match, name)
		return string(match[1])
	}
	find := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "modernc.org/sqlite")
	find.Dir = root
	dir, err := find.Output()
	require.NoError(t, err)
	require.Equal(t, read(filepath.Join(strings.TrimSpace(string(dir)), "go.mod")), read(filepath.Join(root, "go.mod")))
}
