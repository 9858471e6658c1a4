// Package need says what a test needs of its machine. A test whose need is not
// met is skipped, with the reason; where the variable CI is set it fails
// instead, so that no suite goes missing there unseen.
package need

import (
	"os"
	"path/filepath"
	"testing"
)

// Root needs the rights of the superuser.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		missing(t, "needs root")
	}
}

// Program needs a program and gives its absolute path.
func Program(t testing.TB, name string) string {
	t.Helper()
	for _, dir := range []string{"/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/local/bin"} {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
			return path
		}
	}
	missing(t, "needs the program "+name)
	return ""
}

// File needs a file or device.
func File(t testing.TB, path string) string {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		missing(t, "needs "+path)
	}
	return path
}

func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(what)
		return
	}
	t.Skip(what)
}
