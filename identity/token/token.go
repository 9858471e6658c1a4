package token

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"math"
	"time"

	"github.com/cumulite/cumulite/platform/errs"
)

// Token is what a token says. It is scoped to one of project, domain and
// system, or to nothing.
type Token struct {
	UserID    string
	Methods   []string // in the order of Keystone's [auth]methods
	ProjectID string
	DomainID  string
	System    bool
	AuditIDs  []string  // its own, then that of the first of its chain
	IssuedAt  time.Time // whole seconds: Fernet has no more
	ExpiresAt time.Time // microseconds
}

// methods are those of Keystone's default [auth]methods: a token has the sum
// of its methods' bits.
var methods = []string{"external", "password", "token", "oauth1", "mapped", "application_credential"}

// The versions of payloads, as Keystone numbers them.
const (
	unscoped      = 0
	domainScoped  = 1
	projectScoped = 2
	systemScoped  = 8
)

// NewAuditID makes an id by which a token is revoked.
func NewAuditID() string {
	raw := make([]byte, 16)
	_, _ = rand.Read(raw)
	return base64.RawURLEncoding.EncodeToString(raw)
}

func methodBits(names []string) (bits uint64, err error) {
next:
	for _, name := range names {
		for i, m := range methods {
			if m == name {
				bits |= 1 << i
				continue next
			}
		}
		return 0, errs.Invalidf("There is no authentication method %s.", name)
	}
	return bits, nil
}

func methodNames(bits uint64) (names []string) {
	for i, m := range methods {
		if bits&(1<<i) != 0 {
			names = append(names, m)
		}
	}
	return names
}

// packID gives an id as payloads hold it: whether it is in bytes, and the bytes or text.
func packID(id string) []any {
	if raw, ok := idBytes(id); ok {
		return []any{true, raw}
	}
	return []any{false, id}
}

// idBytes gives the bytes of an id that is a UUID in lower case hex without dashes.
func idBytes(id string) ([]byte, bool) {
	raw, err := hex.DecodeString(id)
	return raw, err == nil && len(raw) == 16 && hex.EncodeToString(raw) == id
}

// seconds writes a time as Keystone does: a float of seconds.
func seconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }

func fromSeconds(s float64) time.Time { return time.UnixMicro(int64(math.Round(s * 1e6))).UTC() }
