package house

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// services in the order in which they may know each other: only downwards.
var services = []string{"identity", "image", "network", "blockstorage", "objectstorage", "compute", "orchestration"}

// imports gives the import paths of s, those of the project without its module path.
func (s source) imports() (own, others []string) {
	for _, spec := range s.ast.Imports {
		name, _ := strconv.Unquote(spec.Path.Value)
		if rest, is := strings.CutPrefix(name, module); is {
			own = append(own, rest)
		} else {
			others = append(others, name)
		}
	}
	return own, others
}

func top(dir string) string { first, _, _ := strings.Cut(dir, "/"); return first }

// isAdapter tells whether a package of the platform is made for one technology:
// an engine of the store, a transport of calls. Services know only what they adapt.
func isAdapter(dir string) bool {
	return slices.ContainsFunc([]string{"platform/store/sqlite", "platform/store/postgres", "platform/rpc/nats"},
		func(adapter string) bool { return dir == adapter || strings.HasPrefix(dir, adapter+"/") })
}

// mayImport says whether a package in folder from may import the one in folder to.
func mayImport(from, to string) bool {
	a, b := top(from), top(to)
	if b == "test" {
		return outside(from)
	}
	if b == "platform" {
		return a != "platform" || !isAdapter(to) || isAdapter(from) || strings.HasSuffix(from, "test")
	}
	switch {
	case a == "platform":
		return false
	case slices.Contains(services, a):
		return slices.Contains(services, b) && slices.Index(services, b) <= slices.Index(services, a)
	case a == "drivers":
		return slices.Contains(services, b) || sameDriver(from, to)
	case a == "cloud":
		return slices.Contains(services, b) || b == "cloud" || strings.HasPrefix(to, "drivers/sim/") || strings.HasPrefix(to, "drivers/file")
	}
	return true // daemons, examples, cloudtest, bench, e2e, test
}

func sameDriver(from, to string) bool {
	a, b := strings.Split(from, "/"), strings.Split(to, "/")
	return len(a) > 1 && len(b) > 1 && b[0] == "drivers" && a[1] == b[1]
}

func TestPackagesImportOnlyDownwards(t *testing.T) {
	_, all := sources(t)
	var found []string
	for _, s := range all {
		if s.test {
			continue
		}
		own, _ := s.imports()
		for _, to := range own {
			if !mayImport(s.dir, to) || (isAdapter(to) && slices.Contains(services, top(s.dir))) {
				found = append(found, fmt.Sprintf("layer %s %s", s.path, to))
			}
		}
	}
	report(t, "layer", found)
}

// guarded imports: the folders that may use them outside tests.
var guarded = map[string]func(dir string) bool{
	"os/exec": func(dir string) bool { return dir == "platform/command" || outside(dir) },
	"net/http": func(dir string) bool {
		name := path.Base(dir)
		return outside(dir) || strings.HasSuffix(name, "api") || strings.HasSuffix(name, "client") || strings.HasPrefix(dir, "platform/httpapi") ||
			dir == "cloud" || dir == "cloud/serve" || strings.HasPrefix(dir, "drivers/linuxnet")
	},
	"go.yaml.in/yaml/v4":                       func(dir string) bool { return dir == "platform/yaml" },
	"github.com/nats-io/nats.go":               func(dir string) bool { return strings.HasPrefix(dir, "platform/rpc/nats") },
	"github.com/nats-io/nats-server/v2/server": func(dir string) bool { return dir == "platform/rpc/nats/server" },
	"modernc.org/sqlite":                       func(dir string) bool { return dir == "platform/store/sqlite" },
	"unsafe":                                   func(dir string) bool { return strings.HasPrefix(dir, "drivers/linuxnet") },
	"github.com/stretchr/testify/require":      func(dir string) bool { return strings.HasSuffix(dir, "test") || outside(dir) },
}

// outside are the folders that are no part of the library.
func outside(dir string) bool {
	return slices.Contains([]string{"daemons", "examples", "cloudtest", "bench", "e2e", "test"}, top(dir)) || strings.HasSuffix(dir, "test")
}

func TestGuardedPackagesAreImportedOnlyWhereTheyBelong(t *testing.T) {
	_, all := sources(t)
	var found []string
	for _, s := range all {
		if s.test {
			continue
		}
		_, others := s.imports()
		for _, to := range others {
			if may, is := guarded[to]; is && !may(s.dir) {
				found = append(found, fmt.Sprintf("import %s %s", s.path, to))
			}
		}
	}
	report(t, "import", found)
}
