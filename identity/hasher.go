package identity

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/sync/semaphore"

	"github.com/cumulite/cumulite/platform/secret"
)

// bcryptLimit is how many bytes of a password bcrypt looks at.
const bcryptLimit = 72

// hasher hashes passwords on all processors but one: logins wait for each
// other before they starve everything else.
type hasher struct {
	cost  int
	slots *semaphore.Weighted
	dummy string // a hash of that cost that nothing matches, for users who are not there
}

func newHasher(cost int) *hasher {
	cost = min(max(cost, bcrypt.MinCost), bcrypt.MaxCost)
	return &hasher{
		cost:  cost,
		slots: semaphore.NewWeighted(int64(max(runtime.GOMAXPROCS(0)-1, 1))),
		dummy: fmt.Sprintf("$2a$%02d$%s", cost, strings.Repeat(".", 53)),
	}
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
	there := hash != ""
	if !there {
		hash = h.dummy
	}
	err := bcrypt.CompareHashAndPassword([]byte(hash), bounded(password))
	return there && err == nil, nil
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
