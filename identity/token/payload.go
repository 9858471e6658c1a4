package token

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"

	"github.com/vmihailenco/msgpack/v5"
)

// payload writes what is sealed: a msgpack array that begins with its version.
func (t Token) payload() ([]byte, error) {
	bits, err := methodBits(t.Methods)
	if err != nil {
		return nil, err
	}
	audits := make([]any, len(t.AuditIDs))
	for i, id := range t.AuditIDs {
		if audits[i], err = base64.RawURLEncoding.DecodeString(id); err != nil {
			return nil, err
		}
	}
	version, scope := t.scope()
	fields := []any{version, packID(t.UserID), bits}
	if version != unscoped {
		fields = append(fields, scope)
	}
	var b bytes.Buffer
	e := msgpack.NewEncoder(&b)
	e.UseCompactInts(true)
	err = e.Encode(append(fields, seconds(t.ExpiresAt), audits))
	return b.Bytes(), err
}

// scope gives the payload's version and how it writes the scope.
func (t Token) scope() (version int, scope any) {
	switch {
	case t.ProjectID != "":
		return projectScoped, packID(t.ProjectID)
	case t.System:
		return systemScoped, "all"
	case t.DomainID == "":
		return unscoped, nil
	}
	if raw, ok := idBytes(t.DomainID); ok {
		return domainScoped, raw
	}
	return domainScoped, t.DomainID // "default" is no UUID
}

var errPayload = errors.New("not the payload of a token")

// readPayload reads what payload wrote, and what Keystone writes.
func readPayload(b []byte) (t Token, err error) {
	d := msgpack.NewDecoder(bytes.NewReader(b))
	n, err := d.DecodeArrayLen()
	if err != nil {
		return t, err
	}
	version, err := d.DecodeInt()
	if err != nil {
		return t, err
	}
	want := 6
	if version == unscoped {
		want = 5
	}
	if n != want {
		return t, errPayload
	}
	if t.UserID, err = readID(d); err != nil {
		return t, err
	}
	bits, err := d.DecodeUint64()
	if err != nil {
		return t, err
	}
	t.Methods = methodNames(bits)
	if err := t.readScope(d, version); err != nil {
		return t, err
	}
	expires, err := d.DecodeFloat64()
	if err != nil {
		return t, err
	}
	t.ExpiresAt = fromSeconds(expires)
	return t, t.readAudits(d)
}

func (t *Token) readScope(d *msgpack.Decoder, version int) (err error) {
	switch version {
	case unscoped:
	case projectScoped:
		t.ProjectID, err = readID(d)
	case domainScoped:
		t.DomainID, err = readDomain(d)
	case systemScoped:
		var all string
		all, err = d.DecodeString()
		t.System = all == "all"
	default:
		return errPayload
	}
	return err
}

// readDomain reads a domain's id, which alone has no flag before it.
func readDomain(d *msgpack.Decoder) (string, error) {
	v, err := d.DecodeInterface()
	switch v := v.(type) {
	case []byte:
		return hex.EncodeToString(v), err
	case string:
		return v, err
	}
	return "", errors.Join(err, errPayload)
}

func readID(d *msgpack.Decoder) (string, error) {
	n, err := d.DecodeArrayLen()
	if err != nil || n != 2 {
		return "", errors.Join(err, errPayload)
	}
	packed, err := d.DecodeBool()
	if err != nil {
		return "", err
	}
	raw, err := d.DecodeBytes()
	if packed {
		return hex.EncodeToString(raw), err
	}
	return string(raw), err
}

func (t *Token) readAudits(d *msgpack.Decoder) error {
	n, err := d.DecodeArrayLen()
	if err != nil || n < 0 || n > 2 {
		return errors.Join(err, errPayload)
	}
	for range n {
		raw, err := d.DecodeBytes()
		if err != nil {
			return err
		}
		t.AuditIDs = append(t.AuditIDs, base64.RawURLEncoding.EncodeToString(raw))
	}
	return nil
}
