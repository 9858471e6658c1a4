package cloud

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/cumulite/cumulite/platform/durable"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/lease"
	"github.com/cumulite/cumulite/platform/secret"
	"github.com/cumulite/cumulite/platform/store"
	"github.com/cumulite/cumulite/platform/store/postgres"
	"github.com/cumulite/cumulite/platform/store/sqlite"
)

// What processes of one cloud do differently from one that is alone: who shows
// no sign of life is replaced within lifetime, and others' work is looked for often.
const (
	lifetime    = 6 * time.Second
	lookEvery   = 500 * time.Millisecond
	team        = "cloud.controllers"
	eventLease  = "cloud.events"
	doctorLease = "cloud.doctor"
)

// controllerFile has the name of the process among those that share a database.
const controllerFile = "controller"

//go:embed *.sql
var files embed.FS

// migrations gives the cloud's own table.
func migrations() store.Migrations { return store.Migrations{Name: "cloud", Files: files} }

// shared tells whether other processes may work on the same database.
func (c *Cloud) shared() bool { return !c.o.Database.IsZero() }

func (c *Cloud) openEngine(ctx context.Context) (store.Engine, error) {
	if c.shared() {
		return postgres.Open(ctx, c.o.Database.Reveal(), nil)
	}
	return sqlite.Open(c.path(stateFile), &sqlite.Options{Ephemeral: c.dir.ephemeral, Normal: c.o.Relaxed})
}

// name is that of this process among those of the cloud. It keeps it over a
// restart, and so takes up at once what it had left.
func (c *Cloud) name() (string, error) {
	if !c.shared() {
		return "cloud", nil // one process has the directory
	}
	text, err := os.ReadFile(c.path(controllerFile))
	if errors.Is(err, fs.ErrNotExist) {
		text = []byte(uuid.NewString() + "\n")
		err = durable.Write(c.path(controllerFile), text)
	}
	return strings.TrimSpace(string(text)), err
}

// keysPath gives the path of a file that all processes of the cloud share.
func (c *Cloud) keysPath(name string) string {
	if c.o.Keys != "" {
		return filepath.Join(c.o.Keys, name)
	}
	return c.path(name)
}

func (c *Cloud) imagesPath() string {
	if c.o.Images != "" {
		return c.o.Images
	}
	return c.path("images")
}

// openKeys opens the key that seals what the database must not show, which has
// to be the one that the database was made with.
func (c *Cloud) openKeys(ctx context.Context) (*secret.Box, error) {
	key, err := secret.KeyFile(c.keysPath("secrets.key"))
	if err != nil {
		return nil, err
	}
	if c.shared() {
		sum := hmac.New(sha256.New, key)
		_, _ = sum.Write([]byte("cumulite database")) // never fails
		if err := c.recognise(ctx, hex.EncodeToString(sum.Sum(nil)[:16])); err != nil {
			return nil, err
		}
	}
	return secret.NewBox(key)
}

func (c *Cloud) recognise(ctx context.Context, fingerprint string) error {
	var known string
	err := c.db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO cloud_keys (name, fingerprint) VALUES (?, ?) ON CONFLICT (name) DO NOTHING", "secrets", fingerprint)
		if err != nil {
			return err
		}
		return tx.QueryRow(ctx, "SELECT fingerprint FROM cloud_keys WHERE name = ?", "secrets").Scan(&known)
	})
	if err == nil && known != fingerprint {
		return errs.Invalidf("the keys in %s are not those that the database was made with: all controllers of a cloud share one directory of keys", c.keysPath(""))
	}
	return err
}

// alone tells whether no other process of the cloud lives.
func (c *Cloud) alone(ctx context.Context) (bool, error) {
	if c.leases == nil {
		return true, nil
	}
	members, err := c.leases.Members(ctx, team)
	return !slices.ContainsFunc(members, func(m lease.Member) bool { return m.Holder != c.self }), err
}

// withHosts is what a process tells the others that has drivers of hosts.
const withHosts = "with hosts"

func (c *Cloud) tells() string {
	if len(c.hosts.Hypervisors)+len(c.hosts.Networks) > 0 {
		return withHosts
	}
	return ""
}

// checkHosts refuses hosts that only this process could reach beside another
// one, and the other way round: each carries on what any of them accepted.
func (c *Cloud) checkHosts(ctx context.Context) error {
	if c.leases == nil || c.rests {
		return nil
	}
	members, err := c.leases.Members(ctx, team)
	for _, m := range members {
		if m.Holder != c.self && (c.tells() == withHosts || m.Data == withHosts) {
			return errs.New(errs.Conflict, "another controller of this cloud is there: controllers reach each other's work only on hosts of their own (hostagent), so run all of them without hypervisor and network")
		}
	}
	return err
}

// join tells the others that this process lives.
func (c *Cloud) join(ctx context.Context) error {
	if c.leases != nil {
		_ = c.leases.Join(ctx, team, c.tells()) // it ends with ctx only
	}
	return nil
}

// deliver delivers events, in one process of the cloud at a time.
func (c *Cloud) deliver(ctx context.Context) error {
	return c.singly(ctx, eventLease, c.events.Run)
}

// singly does what one process of the cloud does at a time, until ctx is done.
func (c *Cloud) singly(ctx context.Context, name string, run func(context.Context) error) error {
	if c.leases == nil {
		return run(ctx)
	}
	err := c.leases.Hold(ctx, name, func(ctx context.Context, _ int64) error { return run(ctx) })
	if ctx.Err() != nil {
		err = nil // it was told to end
	}
	return err
}
