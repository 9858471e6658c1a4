package fleet

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cumulite/cumulite/cloud/fleet/authority"
	"github.com/cumulite/cumulite/cloud/fleet/join"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/secret"
)

// grant is what a token allows, signed by the controllers: no controller needs
// to keep it before it is used.
type grant struct {
	Host    string    `json:"host,omitempty"` // "": any name that is free
	Expires time.Time `json:"expires"`
	Nonce   string    `json:"nonce"`
}

// NewToken makes a token for a new host: host is its name, "" lets it have any
// that is free. It needs no controller that runs, only what controllers know:
// the authority, the key and where they listen.
func NewToken(a *authority.Authority, key []byte, clk clock.Clock, addresses []string, host string, ttl time.Duration) (secret.String, error) {
	if host != "" && !hostName.MatchString(host) {
		return secret.String{}, errs.Invalidf("%q cannot be the name of a host", host)
	}
	if ttl <= 0 {
		return secret.String{}, errs.Invalidf("a token lasts longer than %v", ttl)
	}
	body, err := json.Marshal(grant{Host: host, Expires: clk.Now().Add(ttl).UTC(), Nonce: rand.Text()})
	if err != nil {
		return secret.String{}, err
	}
	signed := base64.RawURLEncoding.EncodeToString(body)
	return join.Token{Addresses: addresses, Authority: a.Fingerprint(), Host: host, Secret: signed + "." + sign(key, "join", signed)}.Seal(), nil
}

// readToken gives what a token allows that is ours and not expired.
func (f *Fleet) readToken(token string) (g grant, err error) {
	signed, signature, _ := strings.Cut(token, ".")
	if !verify(f.Key, signature, "join", signed) {
		return g, errs.Forbiddenf("The token is not one of this cloud.")
	}
	body, err := base64.RawURLEncoding.DecodeString(signed)
	if err == nil {
		err = json.Unmarshal(body, &g)
	}
	if err != nil {
		return g, err
	}
	if !f.Clock.Now().Before(g.Expires) {
		return g, errs.Forbiddenf("The token has expired.")
	}
	return g, nil
}

// ticketLife is how long after it was given a ticket begins a download.
const ticketLife = 5 * time.Minute

// ticket gives the query by which a host pulls an image.
func (f *Fleet) ticket(host, image string) string {
	expires := strconv.FormatInt(f.Clock.Now().Add(ticketLife).Unix(), 10)
	return url.Values{"expires": {expires}, "ticket": {sign(f.Key, "image", image, host, expires)}}.Encode()
}

// checkTicket refuses a query that was not given to this host for this image,
// or has expired.
func (f *Fleet) checkTicket(host, image string, query url.Values) error {
	expires := query.Get("expires")
	if !verify(f.Key, query.Get("ticket"), "image", image, host, expires) {
		return errs.Forbiddenf("The ticket is not for this image and host.")
	}
	if at, err := strconv.ParseInt(expires, 10, 64); err != nil || f.Clock.Now().Unix() > at {
		return errs.Forbiddenf("The ticket has expired.")
	}
	return nil
}

// sign gives the signature of these parts, none of which has a newline in what is accepted.
func sign(key []byte, parts ...string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(strings.Join(parts, "\n")))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// verify checks a signature in a time that tells nothing of it.
func verify(key []byte, signature string, parts ...string) bool {
	return hmac.Equal([]byte(signature), []byte(sign(key, parts...)))
}
