// Package join has what a host and the controllers of a cloud say to each other
// when the host joins, and what they ask of each other beside the calls of the
// drivers. Both sides import it; it links neither.
package join

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/secret"
)

// Where the controllers' HTTPS address for hosts answers.
const (
	Path       = "/v1/join"    // POST Request: Answer
	ImagesPath = "/v1/images/" // GET, with the id and the query that a Ticket has
)

// The methods that controllers answer to a host that is connected.
const (
	MethodRefresh = "fleet.refresh" // Refresh: Answer
	MethodTicket  = "fleet.ticket"  // the image's id: Ticket
)

// Token is what an administrator carries to a machine that shall be a host.
type Token struct {
	Addresses []string `json:"a"`           // of controllers, "10.0.0.5:9292"
	Authority []byte   `json:"c"`           // SHA-256 of the certificate of the hosts' authority
	Host      string   `json:"h,omitempty"` // the name that the host must have; "": any that is free
	Secret    string   `json:"s"`           // what lets it in, once
}

const prefix = "cumulite-host-"

// Seal gives the token as one word.
func (t Token) Seal() secret.String {
	data, _ := json.Marshal(t) // text and bytes always encode
	return secret.New(prefix + base64.RawURLEncoding.EncodeToString(data))
}

// Open reads a token.
func Open(word secret.String) (t Token, err error) {
	encoded, is := strings.CutPrefix(strings.TrimSpace(word.Reveal()), prefix)
	data, bad := base64.RawURLEncoding.DecodeString(encoded)
	if !is || bad != nil || json.Unmarshal(data, &t) != nil || len(t.Addresses) == 0 || len(t.Authority) != 32 || t.Secret == "" {
		return t, errs.Invalidf("this is no token for hosts, or not the whole of one")
	}
	return t, nil
}

// Request asks to join.
type Request struct {
	Secret string `json:"secret"` // of the Token
	Host   string `json:"host"`
	NKey   string `json:"nkey"` // public
	CSR    []byte `json:"csr"`  // PKCS #10, DER, for the host's own key
}

// Refresh asks for what may have changed; with a CSR also for a new certificate.
type Refresh struct {
	CSR []byte `json:"csr,omitempty"`
}

// Answer is what a host must know of the cloud.
type Answer struct {
	Certificate []byte   `json:"certificate,omitempty"` // of the host, DER
	Authority   []byte   `json:"authority,omitempty"`   // the certificate of the hosts' authority, DER
	Controllers []string `json:"controllers"`           // where to connect
	Addresses   []string `json:"addresses"`             // where images are, and the join
}

// Ticket lets a host pull the bytes of one image, for a while.
type Ticket struct {
	Addresses []string `json:"addresses"` // of the controllers
	Query     string   `json:"query"`     // after Path+id+"?"
}

// Failure is the body of an answer that is none.
type Failure struct {
	Kind    errs.Kind `json:"kind"`
	Message string    `json:"message"`
}

// Controller is what the controllers of a cloud tell each other of themselves.
type Controller struct {
	Hosts  string `json:"hosts"`  // where hosts connect
	Routes string `json:"routes"` // where controllers do
	HTTPS  string `json:"https"`
}

// Of gives one address of each of these controllers, without those that have none.
func Of(controllers []Controller, which func(Controller) string) (all []string) {
	for _, c := range controllers {
		if a := which(c); a != "" && !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	return all
}
