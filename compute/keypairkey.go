package compute

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // what Nova fingerprints certificates by
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/secret"
)

// generateKey makes an RSA pair, as Nova does; a certificate is the user's.
func generateKey(typ KeypairType, user string, now time.Time) (public string, private secret.String, err error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", private, err
	}
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	if typ == KeypairX509 {
		public, err = certify(key, user, now)
	} else {
		public, err = authorizedLine(key)
	}
	return public, secret.New(string(pem.EncodeToMemory(block))), err
}

func authorizedLine(key *rsa.PrivateKey) (string, error) {
	public, err := ssh.NewPublicKey(&key.PublicKey)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(public))) + " Generated-by-Nova", nil
}

// certificateLife is how long a certificate that was generated holds.
const certificateLife = 10 * 365 * 24 * time.Hour

// certify signs a key with itself, in the form that Windows takes for logging
// in over WinRM: for client authentication, with a principal name.
func certify(key *rsa.PrivateKey, user string, now time.Time) (string, error) {
	name, err := principal("nova@localhost")
	if err != nil {
		return "", err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return "", err
	}
	form := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: user}, NotBefore: now.Add(-time.Minute), NotAfter: now.Add(certificateLife),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, ExtraExtensions: []pkix.Extension{name}}
	raw, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})), nil
}

// principal is the alternative name of a subject that Microsoft's UPN is.
func principal(name string) (pkix.Extension, error) {
	type otherName struct {
		ID    asn1.ObjectIdentifier
		Value string `asn1:"utf8,explicit,tag:0"`
	}
	names := struct {
		Other otherName `asn1:"tag:0"`
	}{otherName{asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 20, 2, 3}, name}}
	value, err := asn1.Marshal(names)
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: value}, err
}

func fingerprintOf(typ KeypairType, public string) (string, error) {
	if typ == KeypairX509 {
		return certificatePrint(public)
	}
	key, _, _, rest, err := ssh.ParseAuthorizedKey([]byte(public))
	if err != nil || len(strings.TrimSpace(string(rest))) > 0 {
		return "", errs.Invalidf("Keypair data is invalid: failed to generate fingerprint").Because(err)
	}
	return ssh.FingerprintLegacyMD5(key), nil
}

func certificatePrint(public string) (string, error) {
	block, _ := pem.Decode([]byte(public))
	if block == nil {
		return "", errs.Invalidf("Keypair data is invalid: failed to generate X509 fingerprint. Error message: the certificate is not PEM")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", errs.Invalidf("Keypair data is invalid: failed to generate X509 fingerprint").Because(err)
	}
	sum := sha1.Sum(cert.Raw)
	return strings.ReplaceAll(fmt.Sprintf("% x", sum), " ", ":"), nil
}
