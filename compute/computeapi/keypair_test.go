package computeapi_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// publicKey is a key that is nobody's.
const publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ+bB4XbpUDA4hSsAPyWj6yuTvh9tIE0Ls5bD5uKjGsb nobody"

func TestKeypairIsGeneratedOnceShown(t *testing.T) {
	w := newWorld(t)
	c := w.client(t, "reader", "2.91")
	var out struct{ Keypair object }
	c.do("POST", "/os-keypairs", object{"keypair": object{"name": "k 1", "type": "ssh"}}).Want(201).JSON(&out)
	require.Contains(t, out.Keypair["private_key"], "PRIVATE KEY")
	require.Equal(t, "reader", out.Keypair["user_id"])
	out.Keypair = nil
	c.get("/os-keypairs/k%201").Want(200).JSON(&out)
	require.NotContains(t, out.Keypair, "private_key")
	require.Equal(t, "2030-01-01T00:00:00.000000", out.Keypair["created_at"])
	require.Equal(t, false, out.Keypair["deleted"])
	w.client(t, "member", "").get("/os-keypairs/k%201").Want(404)
	c.do("DELETE", "/os-keypairs/k%201", nil).Want(204)
	c.do("DELETE", "/os-keypairs/k%201", nil).Want(404)
}

func TestKeypairsByMicroversion(t *testing.T) {
	w := newWorld(t)
	at := func(v string) client { return w.client(t, "member", v) }
	body := func(more object) object {
		k := object{"name": "k", "public_key": publicKey}
		for n, v := range more {
			k[n] = v
		}
		return object{"keypair": k}
	}
	at("").do("POST", "/os-keypairs", body(nil)).Want(200)
	var list struct{ Keypairs []struct{ Keypair object } }
	at("").get("/os-keypairs").Want(200).JSON(&list)
	require.NotContains(t, list.Keypairs[0].Keypair, "type")
	at("2.2").get("/os-keypairs").Want(200).JSON(&list)
	require.Equal(t, "ssh", list.Keypairs[0].Keypair["type"])
	at("").do("DELETE", "/os-keypairs/k", nil).Want(202)
	at("2.1").do("POST", "/os-keypairs", body(object{"type": "ssh"})).Want(400)
	at("2.9").do("POST", "/os-keypairs", body(object{"user_id": "x"})).Want(400)
	at("2.10").do("POST", "/os-keypairs", body(object{"user_id": "x"})).Want(403)
	at("2.91").do("POST", "/os-keypairs", body(object{"name": "k@home.example"})).Want(400)
	at("2.92").do("POST", "/os-keypairs", body(object{"name": "k@home.example"})).Want(201)
	at("2.92").do("POST", "/os-keypairs", object{"keypair": object{"name": "generated"}}).Want(400)
	at("2.92").do("POST", "/os-keypairs", body(object{"name": "k@home.example"})).Want(409)
	at("2.2").do("POST", "/os-keypairs", body(object{"public_key": "no key"})).Want(400)
	at("2.2").do("POST", "/os-keypairs", body(object{"type": "pgp"})).Want(400)
}

func TestKeypairPagesAndUsers(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"a", "b", "c"} {
		w.client(t, "member", "2.92").do("POST", "/os-keypairs", object{"keypair": object{"name": name, "public_key": publicKey}}).Want(201)
	}
	var out struct {
		Keypairs []any
		Links    []struct{ Href string } `json:"keypairs_links"`
	}
	w.client(t, "member", "2.35").get("/os-keypairs?limit=2").Want(200).JSON(&out)
	require.Len(t, out.Keypairs, 2)
	require.Equal(t, "https://cloud.example/compute/v2.1/os-keypairs?limit=2&marker=b", out.Links[0].Href)
	w.client(t, "member", "2.34").get("/os-keypairs?limit=2").Want(200).JSON(&out)
	require.Len(t, out.Keypairs, 3)
	w.client(t, "member", "2.35").get("/os-keypairs?marker=zz").Want(400)
	w.client(t, "admin", "2.10").get("/os-keypairs?user_id=member").Want(200).JSON(&out)
	require.Len(t, out.Keypairs, 3)
	w.client(t, "other", "2.10").get("/os-keypairs?user_id=member").Want(403)
	w.client(t, "other", "2.10").do("DELETE", "/os-keypairs/a?user_id=member", nil).Want(403)
}
