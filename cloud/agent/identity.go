package agent

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cumulite/cumulite/cloud/fleet/join"
	"github.com/cumulite/cumulite/platform/durable"
	"github.com/cumulite/cumulite/platform/errs"
)

// identity is who this host is, and whom it believes: the one file that a host
// keeps of its own. It has both of its private keys.
type identity struct {
	Name        string   `json:"name"`
	Key         []byte   `json:"key"`         // of the certificate, PKCS #8
	Certificate []byte   `json:"certificate"` // DER
	NKey        string   `json:"nkey"`        // the seed
	Authority   []byte   `json:"authority"`   // its certificate, DER
	Controllers []string `json:"controllers"` // where to connect
	Addresses   []string `json:"addresses"`   // where the controllers' HTTPS is
}

func identityFile(dir string) string { return filepath.Join(dir, "identity.json") }

func readIdentity(dir string) (*identity, error) {
	data, err := os.ReadFile(identityFile(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errs.Invalidf("this host has not joined a cloud: there is no %s", identityFile(dir))
	}
	if err != nil {
		return nil, err
	}
	id := &identity{}
	if err := json.Unmarshal(data, id); err != nil {
		return nil, errs.Invalidf("%s cannot be read: %v", identityFile(dir), err)
	}
	if !id.joined() {
		return nil, errs.Invalidf("this host has not joined a cloud: that was broken off, do it once more")
	}
	return id, nil
}

// joined tells whether a cloud let the host in: before, it has keys only.
func (id *identity) joined() bool { return len(id.Certificate) > 0 }

func (id *identity) write(dir string) error {
	data, err := json.Marshal(id)
	if err != nil {
		return err
	}
	return durable.Write(identityFile(dir), data)
}

// newKey makes the key of the host's certificate.
func (id *identity) newKey() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	id.Key, err = x509.MarshalPKCS8PrivateKey(key)
	return err
}

// request asks for a certificate for the host's key.
func (id *identity) request() ([]byte, error) {
	key, err := x509.ParsePKCS8PrivateKey(id.Key)
	if err != nil {
		return nil, err
	}
	return x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{id.Name}}, key)
}

// pair is the host's certificate with its key.
func (id *identity) pair() (*tls.Certificate, error) {
	key, err := x509.ParsePKCS8PrivateKey(id.Key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(id.Certificate)
	return &tls.Certificate{Certificate: [][]byte{id.Certificate}, PrivateKey: key, Leaf: leaf}, err
}

// take takes over what controllers answered.
func (id *identity) take(a *join.Answer) {
	if len(a.Certificate) > 0 {
		id.Certificate = a.Certificate
	}
	if len(a.Authority) > 0 {
		id.Authority = a.Authority
	}
	if len(a.Controllers) > 0 && len(a.Addresses) > 0 {
		id.Controllers, id.Addresses = a.Controllers, a.Addresses
	}
}
