package storetest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cumulite/cumulite/platform/store"
	"github.com/cumulite/cumulite/platform/store/postgres"
	"github.com/cumulite/cumulite/test/pgtest"
)

// templates are the databases in which migrations were applied already: to
// copy one takes a fraction of the time.
var (
	templates = map[string]bool{}
	making    sync.Mutex
	databases atomic.Int64
)

// Processes gives what opens stores on one empty PostgreSQL database with
// these tables, each as a process of its own would, whatever the engine of
// other tests is. The test closes and removes them at its end.
func Processes(t testing.TB, m ...store.Migrations) func(opts *store.Options) *store.Store {
	t.Helper()
	name := Database(t, m...)
	return func(opts *store.Options) *store.Store {
		e, err := postgres.Open(context.Background(), URL(t, name), &postgres.Options{Writers: 8, Readers: 8})
		return open(t, e, err, opts, m...)
	}
}

// URL gives the address of a database that Database made.
func URL(t testing.TB, name string) string {
	t.Helper()
	return fmt.Sprintf("%s&database=%s", pgtest.Shared(t), name)
}

// Database makes a PostgreSQL database with these tables, which the test
// removes at its end, and gives its name.
func Database(t testing.TB, m ...store.Migrations) string {
	t.Helper()
	key := digest(t, m)
	making.Lock()
	defer making.Unlock()
	if !templates[key] {
		statement(t, "CREATE DATABASE "+key)
		e, err := postgres.Open(context.Background(), URL(t, key), &postgres.Options{Writers: 2, Readers: 1})
		if err != nil {
			t.Fatalf("open the engine: %v", err)
		}
		s, err := store.Open(context.Background(), e, nil, m...)
		if err != nil {
			t.Fatalf("apply the migrations: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		templates[key] = true
	}
	name := fmt.Sprintf("test_%d_%d", os.Getpid(), databases.Add(1))
	statement(t, "CREATE DATABASE "+name+" TEMPLATE "+key)
	t.Cleanup(func() { statement(t, "DROP DATABASE "+name+" WITH (FORCE)") })
	return name
}

// statement runs one on the server's own database.
func statement(t testing.TB, text string) {
	t.Helper()
	c, err := pgconn.Connect(context.Background(), pgtest.Shared(t))
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	if _, err := c.Exec(context.Background(), text).ReadAll(); err != nil {
		t.Errorf("%s: %v", text, err)
	}
	if err := c.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// digest names a database after what its migrations make.
func digest(t testing.TB, m []store.Migrations) string {
	t.Helper()
	sum := sha256.New()
	for _, each := range m {
		_, _ = fmt.Fprintf(sum, "%s\n", each.Name)
		names, _ := fs.Glob(each.Files, "*.sql")
		for _, name := range names {
			text, err := fs.ReadFile(each.Files, name)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = fmt.Fprintf(sum, "%s\n%s\n", name, text)
		}
	}
	return fmt.Sprintf("template_%x", sum.Sum(nil)[:8])
}
