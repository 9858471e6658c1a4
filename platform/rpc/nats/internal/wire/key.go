package wire

import (
	"encoding/base64"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// Identify makes a connection with opts show the public part of pair as its
// token, and sign the server's nonce. The field that is meant for keys will not
// do: whenever it is told of new peers, a server without a list of its own lets
// all go who use it. That there is a JWT, which is not read, makes the client sign.
func Identify(opts *nats.Options, pair nkeys.KeyPair) (public string, err error) {
	public, err = pair.PublicKey()
	opts.Token = public
	opts.UserJWT = func() (string, error) { return "signed", nil }
	opts.SignatureCB = pair.Sign
	return public, err
}

// Signed says whether signature is that of the public key over nonce.
func Signed(public, signature string, nonce []byte) bool {
	raw, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil || len(nonce) == 0 {
		return false
	}
	key, err := nkeys.FromPublicKey(public)
	return err == nil && key.Verify(nonce, raw) == nil
}
