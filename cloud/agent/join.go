package agent

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"

	"github.com/cumulite/cumulite/cloud/agent/agentclient"
	"github.com/cumulite/cumulite/cloud/fleet/join"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/rpc/nats"
	"github.com/cumulite/cumulite/platform/secret"
)

// Join makes this machine a host of the cloud that gave the token. name is the
// host's, "" takes the token's, or the machine's. Its keys are made here and
// stay here; they are on disk before the token is shown, so that a join that
// was broken off is done by the same token once more. A directory that has an
// identity already is errs.Conflict.
func Join(ctx context.Context, dir string, token secret.String, name string) error {
	t, err := join.Open(token)
	if err != nil {
		return err
	}
	if name, err = nameOf(t, name); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o711); err != nil { // QEMU passes through
		return errs.Invalidf("cannot use the state directory: %v", err)
	}
	lock, err := take(dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	id, err := prepare(dir, name)
	if err != nil {
		return err
	}
	csr, err := id.request()
	if err != nil {
		return err
	}
	public, err := nats.PublicKey(secret.New(id.NKey))
	if err != nil {
		return err
	}
	answer, err := agentclient.Join(ctx, t, join.Request{Secret: t.Secret, Host: name, NKey: public, CSR: csr})
	if err != nil {
		return err
	}
	id.take(answer)
	return id.write(dir)
}

// prepare gives the identity of a host that has not joined yet, with its keys:
// those that an earlier attempt left, or new ones.
func prepare(dir, name string) (*identity, error) {
	id := &identity{}
	data, err := os.ReadFile(identityFile(dir))
	switch {
	case err == nil && (json.Unmarshal(data, id) != nil || id.joined()):
		return nil, errs.Conflictf("this host has joined a cloud: remove %s to leave it", identityFile(dir))
	case err == nil:
		id.Name = name
		return id, nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	_, seed, err := nats.NewKey()
	if err != nil {
		return nil, err
	}
	id.Name, id.NKey = name, seed.Reveal()
	if err := id.newKey(); err != nil {
		return nil, err
	}
	return id, id.write(dir)
}

func nameOf(t join.Token, name string) (string, error) {
	switch {
	case name == "" && t.Host != "":
		return t.Host, nil
	case name == "":
		return os.Hostname()
	case t.Host != "" && t.Host != name:
		return "", errs.Invalidf("the token is for a host of the name %s", t.Host)
	}
	return name, nil
}
