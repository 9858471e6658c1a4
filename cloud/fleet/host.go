package fleet

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/cloud/fleet/join"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/event"
	"github.com/cumulite/cumulite/platform/rpc/nats"
	"github.com/cumulite/cumulite/platform/store"
)

// Host is a host that has joined.
type Host struct {
	bun.BaseModel `bun:"table:fleet_hosts,alias:host"`
	Name          string     `bun:"name,pk"`
	NKey          string     `bun:"nkey,notnull"`
	JoinedAt      time.Time  `bun:"joined_at,notnull"`
	RevokedAt     *time.Time `bun:"revoked_at"` // it is let in no more
}

var (
	hostName   = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?$`)
	publicNKey = regexp.MustCompile(`^U[A-Z2-7]{55}$`)
)

// Hosts gives the hosts that have joined, by name.
func (f *Fleet) Hosts(ctx context.Context) (hosts []Host, err error) {
	err = f.DB.Read().NewSelect().Model(&hosts).Order("name").Scan(ctx)
	return hosts, err
}

// Join lets a host in that shows a token. A name that is taken is errs.Conflict,
// unless the token is for a host of that name: then the machine is a new one.
// A request that is refused does not use the token up, and one whose answer was
// lost may be made again: with the same keys, while the token lasts.
func (f *Fleet) Join(ctx context.Context, in join.Request) (*join.Answer, error) {
	grant, err := f.readToken(in.Secret)
	if err != nil {
		return nil, err
	}
	switch {
	case !hostName.MatchString(in.Host) || in.Host == nats.Controller:
		return nil, errs.Invalidf("%q cannot be the name of a host.", in.Host)
	case grant.Host != "" && grant.Host != in.Host:
		return nil, errs.Forbiddenf("The token is for another host.")
	case slices.Contains(f.o.Configured, in.Host):
		return nil, errs.Conflictf("The cloud has a host %s.", in.Host)
	case !publicNKey.MatchString(in.NKey):
		return nil, errs.Invalidf("This is no public nkey of a host.")
	}
	certificate, err := f.Authority.ForHost(in.CSR, in.Host)
	if err != nil {
		return nil, err
	}
	err = f.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.Lock(ctx, "fleet.hosts"); err != nil { // one after the other
			return err
		}
		again, err := f.useToken(ctx, tx, in, certificate, grant.Expires)
		if err != nil || again {
			return err
		}
		return f.enter(ctx, tx, in, grant.Host == in.Host)
	})
	if err != nil {
		return nil, err
	}
	f.log.Info("a host has joined", "host", in.Host)
	answer := f.answer()
	answer.Certificate, answer.Authority = certificate, f.Authority.Certificate()
	return answer, nil
}

// skew is by how much the clocks of controllers may differ: a used token is
// remembered until all of them take it for expired.
const skew = time.Hour

// useToken makes sure that a token is used once. Only hashes are kept: of the
// token, and of it with the name and the keys that it let in, by which that same
// host is known again whose answer was lost.
func (f *Fleet) useToken(ctx context.Context, tx *store.Tx, in join.Request, certificate []byte, expires time.Time) (again bool, err error) {
	if _, err := tx.Exec(ctx, "DELETE FROM fleet_used_tokens WHERE expires_at < ?", f.Clock.Now().Add(-skew)); err != nil {
		return false, err
	}
	cert, err := x509.ParseCertificate(certificate)
	if err != nil {
		return false, err
	}
	token, host := hash(in.Secret), hash(in.Secret, in.Host, in.NKey, string(cert.RawSubjectPublicKeyInfo))
	var used bool
	err = tx.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM fleet_used_tokens WHERE hash = ?),"+
		" EXISTS (SELECT 1 FROM fleet_used_tokens JOIN fleet_hosts ON name = ? AND nkey = ? AND revoked_at IS NULL WHERE hash = ?)",
		token, in.Host, in.NKey, host).Scan(&used, &again)
	if err != nil || again {
		return again, err
	}
	if used {
		return false, errs.Forbiddenf("The token was used already.")
	}
	_, err = tx.Exec(ctx, "INSERT INTO fleet_used_tokens (hash, expires_at) VALUES (?, ?), (?, ?)", token, expires, host, expires)
	return false, err
}

// hash is that of these parts, of which the last alone may have a newline in it.
func hash(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return hex.EncodeToString(sum[:])
}

// enter records a host, in place of one of the same name where it may.
func (f *Fleet) enter(ctx context.Context, tx *store.Tx, in join.Request, replace bool) error {
	var taken bool
	if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM fleet_hosts WHERE nkey = ? OR name = ? AND NOT ?)", in.NKey, in.Host, replace).Scan(&taken); err != nil {
		return err
	}
	if taken {
		return errs.Conflictf("There is a host %s, or one with this key. A token for just that host replaces it.", in.Host)
	}
	tx.AfterCommit(f.changed)
	_, err := tx.Exec(ctx, "INSERT INTO fleet_hosts (name, nkey, joined_at) VALUES (?, ?, ?)"+
		" ON CONFLICT (name) DO UPDATE SET nkey = excluded.nkey, joined_at = excluded.joined_at, revoked_at = NULL", in.Host, in.NKey, f.Clock.Now())
	return err
}

// Revoke lets a host in no more, and takes it away from the services. One that
// was revoked already is no error, one that never was there is errs.NotFound.
func (f *Fleet) Revoke(ctx context.Context, name string) error {
	if err := Revoke(ctx, f.DB, f.Clock, name); err != nil {
		return err
	}
	f.changed()
	return nil
}

// Revoke is what a process does that is no controller: those find out within a second.
func Revoke(ctx context.Context, db *store.Store, clk clock.Clock, name string) error {
	return db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		result, err := tx.Exec(ctx, "UPDATE fleet_hosts SET revoked_at = COALESCE(revoked_at, ?) WHERE name = ?", clk.Now(), name)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errs.NotFoundf("No host %s has joined.", name)
		}
		return nil
	})
}

// hostDeleted follows an administrator who deleted the compute service of a host.
func (f *Fleet) hostDeleted(ctx context.Context, ev event.Event) error {
	var host struct{ Name string }
	if err := json.Unmarshal(ev.Payload, &host); err != nil {
		return err
	}
	err := f.Revoke(ctx, host.Name)
	if errs.Is(err, errs.NotFound) {
		return nil
	}
	return err
}

// admitted tells whether a host is let in.
func (f *Fleet) admitted(ctx context.Context, name string) (bool, error) {
	return f.DB.Read().NewSelect().Model((*Host)(nil)).Where("name = ? AND revoked_at IS NULL", name).Exists(ctx)
}

// authorizeTime is how long the database may take to say who has a key.
const authorizeTime = 2 * time.Second

// authorize says which host has an nkey, to the server that it connects to.
func (f *Fleet) authorize(nkey string) (string, bool) {
	ctx, cancel := context.WithTimeout(context.Background(), authorizeTime)
	defer cancel()
	var name string
	err := f.DB.QueryRow(ctx, "SELECT name FROM fleet_hosts WHERE nkey = ? AND revoked_at IS NULL", nkey).Scan(&name)
	if err != nil && !store.IsNone(err) {
		f.log.Warn("it is not known who a host is", "error", err)
	}
	return name, err == nil
}
