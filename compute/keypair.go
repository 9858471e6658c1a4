package compute

import (
	"cmp"
	"context"
	"regexp"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/quota"
	"github.com/cumulite/cumulite/platform/secret"
	"github.com/cumulite/cumulite/platform/store"
)

// Keypair is the public half of a user's key, and its row. The private half is
// never stored.
type Keypair struct {
	bun.BaseModel `bun:"table:compute_keypairs,alias:keypair"`
	UserID        string      `bun:"user_id,pk"`
	Name          string      `bun:"name,pk"`
	Number        int64       `bun:"number,notnull"` // what the API calls its id; nothing refers to it
	Type          KeypairType `bun:"type,notnull"`
	PublicKey     string      `bun:"public_key,notnull"`  // a line of authorized_keys, or a certificate in PEM
	Fingerprint   string      `bun:"fingerprint,notnull"` // in hex with colons: MD5 of a key, SHA-1 of a certificate
	CreatedAt     time.Time   `bun:"created_at,notnull"`
}

// KeypairType is what a public key is.
type KeypairType string

// The types.
const (
	KeypairSSH  KeypairType = "ssh"
	KeypairX509 KeypairType = "x509"
)

// CreateKeypair is what a user may say of a new keypair.
type CreateKeypair struct {
	Name      string
	Type      KeypairType // "" is KeypairSSH
	PublicKey string      // "" has a pair generated
	UserID    string      // "" is the caller; another needs an administrator
}

// keypairs says what keypairs can be sorted by: within one user.
var keypairs = store.Listing[Keypair]{Key: "name", Default: []store.Sort{{Field: "name"}},
	Columns: map[string]store.Column{"name": {Name: "name"}, "fingerprint": {Name: "fingerprint"}}}

// keypairName is what a name may be made of.
var keypairName = regexp.MustCompile(`^[a-zA-Z0-9@._ -]{1,255}$`)

// CreateKeypair stores a public key. Without one it generates a pair, and
// private is the half that only the caller gets, in PEM.
func (s *Service) CreateKeypair(ctx context.Context, in CreateKeypair) (k *Keypair, private secret.String, err error) {
	user, err := s.keypairUser(ctx, ActionKeypairCreate, in.UserID)
	if err != nil {
		return nil, private, err
	}
	if !keypairName.MatchString(in.Name) || strings.TrimSpace(in.Name) != in.Name {
		return nil, private, errs.Invalidf("Keypair data is invalid: Keypair name contains unsafe characters")
	}
	typ := cmp.Or(in.Type, KeypairSSH)
	if in.PublicKey == "" {
		if in.PublicKey, private, err = generateKey(typ, user, s.Clock.Now()); err != nil {
			return nil, private, err
		}
	}
	fingerprint, err := fingerprintOf(typ, in.PublicKey)
	if err != nil {
		return nil, secret.String{}, err
	}
	k = &Keypair{UserID: user, Name: in.Name, Type: typ, PublicKey: in.PublicKey, Fingerprint: fingerprint, CreatedAt: s.Clock.Now()}
	if err := s.write(ctx, func(ctx context.Context, tx *store.Tx) error { return s.insertKeypair(ctx, tx, k) }); err != nil {
		return nil, secret.String{}, err
	}
	return k, private, nil
}

func (s *Service) insertKeypair(ctx context.Context, tx *store.Tx, k *Keypair) error {
	if err := s.roomForKeypair(ctx, tx, k.UserID); err != nil {
		return err
	}
	if err := tx.QueryRow(ctx, "SELECT COALESCE(MAX(number), 0) + 1 FROM compute_keypairs").Scan(&k.Number); err != nil {
		return err
	}
	err := store.Insert(ctx, tx, k)
	if store.IsDuplicate(err) {
		return errs.Conflictf("Key pair '%s' already exists.", k.Name)
	}
	return err
}

// roomForKeypair tells whether a user may have another keypair. The limit is
// that of the project, the count that of the user.
func (s *Service) roomForKeypair(ctx context.Context, tx *store.Tx, user string) error {
	limits, err := s.quotas.Limits(ctx, tx, auth.From(ctx).ProjectID())
	if err != nil {
		return err
	}
	there, err := tx.NewSelect().Model((*Keypair)(nil)).Where("user_id = ?", user).Count(ctx)
	if most := limits[quotaKeypairs]; err == nil && most != quota.Unlimited && int(there) >= most {
		return errs.New(errs.Quota, "Quota exceeded, too many key pairs.")
	}
	return err
}

// keypairUser gives the user whose keypairs are meant, when the caller may do action to them.
func (s *Service) keypairUser(ctx context.Context, action policy.Action, user string) (string, error) {
	if user == "" {
		user = auth.From(ctx).UserID()
	}
	return user, s.policy.Check(ctx, action, policy.Target{"user_id": user})
}

// GetKeypair gives a keypair of a user, "" for the caller.
func (s *Service) GetKeypair(ctx context.Context, user, name string) (*Keypair, error) {
	user, err := s.keypairUser(ctx, ActionKeypairShow, user)
	if err != nil {
		return nil, err
	}
	k := new(Keypair)
	err = s.DB.Read().NewSelect().Model(k).Where("user_id = ? AND name = ?", user, name).Scan(ctx)
	if store.IsNone(err) {
		return nil, noKeypair(user, name)
	}
	return k, err
}

func noKeypair(user, name string) error {
	return errs.NotFoundf("Keypair %s not found for user %s", name, user)
}

// ListKeypairs gives a page of the keypairs of a user, "" for the caller.
func (s *Service) ListKeypairs(ctx context.Context, user string, q store.Query) (list []Keypair, more bool, err error) {
	user, err = s.keypairUser(ctx, ActionKeypairList, user)
	if err != nil {
		return nil, false, err
	}
	return keypairs.Find(ctx, s.DB.Read(), q, func(q *bun.SelectQuery) *bun.SelectQuery { return q.Where("user_id = ?", user) })
}

// DeleteKeypair removes a keypair of a user, "" for the caller. Servers keep the key.
func (s *Service) DeleteKeypair(ctx context.Context, user, name string) error {
	user, err := s.keypairUser(ctx, ActionKeypairDelete, user)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		res, err := tx.NewDelete().Model((*Keypair)(nil)).Where("user_id = ? AND name = ?", user, name).Exec(ctx)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return noKeypair(user, name)
		}
		return nil
	})
}
