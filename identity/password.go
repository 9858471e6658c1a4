package identity

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"runtime"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/sync/semaphore"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/secret"
)

// bcryptLimit is how many bytes of a password bcrypt looks at.
const bcryptLimit = 72

// hasher hashes passwords, as many at once as there are processors: logins
// wait for each other before they starve everything else.
type hasher struct {
	cost  int
	slots *semaphore.Weighted
	dummy []byte // compared with for users that are not there
}

func newHasher(cost int) (*hasher, error) {
	dummy, err := bcrypt.GenerateFromPassword([]byte(newID()), cost)
	if err != nil {
		return nil, errs.Wrap(err, "hash passwords at cost %d", cost)
	}
	return &hasher{cost, semaphore.NewWeighted(int64(runtime.GOMAXPROCS(0))), dummy}, nil
}

func (h *hasher) hash(ctx context.Context, password secret.String) (string, error) {
	if err := h.slots.Acquire(ctx, 1); err != nil {
		return "", err
	}
	defer h.slots.Release(1)
	hash, err := bcrypt.GenerateFromPassword(bounded(password), h.cost)
	return string(hash), err
}

// matches compares a password with a hash. An empty hash matches nothing and
// takes as long.
func (h *hasher) matches(ctx context.Context, hash string, password secret.String) (bool, error) {
	if err := h.slots.Acquire(ctx, 1); err != nil {
		return false, err
	}
	defer h.slots.Release(1)
	if hash == "" {
		_ = bcrypt.CompareHashAndPassword(h.dummy, bounded(password))
		return false, nil
	}
	return bcrypt.CompareHashAndPassword([]byte(hash), bounded(password)) == nil, nil
}

// bounded gives what is hashed: a password that is too long for bcrypt is
// digested, so that all of it counts.
func bounded(password secret.String) []byte {
	text := []byte(password.Reveal())
	if len(text) <= bcryptLimit {
		return text
	}
	sum := sha256.Sum256(text)
	return []byte(base64.StdEncoding.EncodeToString(sum[:]))
}
