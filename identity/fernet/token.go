package fernet

import (
	"time"
)

// Token is what a token says. At most one of ProjectID, DomainID and System is set.
type Token struct {
	UserID    string
	Methods   []string // of those that Methods lists
	ProjectID string
	DomainID  string
	System    bool
	IssuedAt  time.Time // whole seconds
	ExpiresAt time.Time // microseconds
	AuditIDs  []string  // its own, then that of the first of its chain
}

// methods are the names of authentication methods in the order of Keystone's
// configuration: each has a bit.
var methods = []string{"external", "password", "token", "oauth1", "mapped", "application_credential"}

// Seal gives the text of a token. A method without a name in Keystone's format
// and an audit id that is not base64url are errors.
func (k *Keys) Seal(t Token) (string, error) {
	payload, err := pack(t)
	if err != nil {
		return "", err
	}
	return k.seal(t.IssuedAt, payload), nil
}

// Read gives what a text says; ErrInvalid when it is no token of these keys or
// of a kind that is not served. Whether its time is over is the caller's affair.
func (k *Keys) Read(text string) (Token, error) {
	issued, payload, err := k.open(text)
	if err != nil {
		return Token{}, err
	}
	t, err := unpack(payload)
	if err != nil {
		return Token{}, ErrInvalid
	}
	t.IssuedAt = issued
	return t, nil
}
