package soak

import (
	"fmt"
	"math/rand/v2"
)

// move is one thing that a client may do.
type move struct {
	weight int
	do     func(c *client)
}

// step does one of the moves.
func (c *client) step(moves []move) {
	total := 0
	for _, m := range moves {
		total += m.weight
	}
	n := c.rng.IntN(total)
	for _, m := range moves {
		if n -= m.weight; n < 0 {
			m.do(c)
			return
		}
	}
}

// tenantMoves are what members of projects do.
var tenantMoves = []move{
	{16, (*client).createServer}, {20, (*client).actOnServer}, {8, (*client).changeServer}, {6, (*client).attach}, {4, (*client).detach}, {9, (*client).deleteServer},
	{2, (*client).createKeypair}, {1, func(c *client) { c.remove(c.one("keypair")) }},
	{4, (*client).createImage}, {3, (*client).changeImage}, {2, func(c *client) { c.remove(c.one("image")) }},
	{4, (*client).createNetwork}, {2, (*client).changeNetwork}, {2, (*client).deleteNetwork},
	{5, (*client).createPort}, {4, (*client).changePort}, {3, (*client).deletePort},
	{3, (*client).createRouter}, {5, (*client).wireRouter}, {2, func(c *client) { c.remove(c.one("router")) }},
	{4, (*client).createFloating}, {7, (*client).associate}, {2, func(c *client) { c.remove(c.one("floating")) }},
	{3, (*client).createGroup}, {5, (*client).createRule}, {2, func(c *client) { c.remove(c.one("rule")) }}, {1, (*client).deleteGroup},
}

// adminMoves are what the administrator does.
var adminMoves = []move{
	{3, (*client).createUser}, {1, func(c *client) { c.remove(c.one("user")) }},
	{2, (*client).createProject}, {2, (*client).quotas}, {1, func(c *client) { c.remove(c.one("project")) }},
	{2, (*client).createFlavor}, {1, func(c *client) { c.remove(c.one("flavor")) }},
	{3, (*client).hostService}, {3, (*client).deactivateImage},
}

func (c *client) createKeypair() {
	c.make("keypair", object{"name": c.newName(), "public_key": publicKey})
}

const publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHmfdNMh8nFnbgLz2Lz5ZrCk0s4rVVTDlvmAiA1bCxjW test"

func (c *client) createUser() {
	name := c.newName()
	if t := c.make("user", object{"name": name, "password": password.Reveal(), "description": "one"}); t != nil {
		t.want["name"] = name
	}
}

func (c *client) createProject() {
	name := c.newName()
	if t := c.make("project", object{"name": name}); t != nil {
		t.want["name"] = name
	}
}

// quotas sets limits of a project of the administrator's own.
func (c *client) quotas() {
	t := c.one("project")
	if t == nil {
		return
	}
	n := c.rng.IntN(50)
	c.call("PUT", "/compute/v2.1/os-quota-sets/"+t.id, object{"quota_set": object{"instances": n}})
	c.call("PUT", "/networking/v2.0/quotas/"+t.id, object{"quota": object{"port": n}})
}

func (c *client) createFlavor() {
	name := c.newName()
	if t := c.make("flavor", object{"name": name, "ram": 64 << c.rng.IntN(4), "vcpus": 1 + c.rng.IntN(2), "disk": 1}); t != nil {
		t.want["name"] = name
	}
}

// hostService takes a host out of service, or into it again.
func (c *client) hostService() {
	a := c.call("GET", "/compute/v2.1/os-services?binary=nova-compute", nil)
	all, _ := a.body["services"].([]any)
	one, is := pick(c.rng, all).(object)
	if !is {
		return
	}
	status := pick(c.rng, []string{"enabled", "enabled", "disabled"})
	c.call("PUT", fmt.Sprintf("/compute/v2.1/os-services/%v", one["id"]), object{"status": status})
}

// deactivateImage has nobody read an image of anybody's, or everybody again.
func (c *client) deactivateImage() {
	all, _ := c.call("GET", "/image/v2/images?visibility=private", nil).body["images"].([]any)
	one, is := pick(c.rng, all).(object)
	if !is {
		return
	}
	c.call("POST", fmt.Sprintf("/image/v2/images/%v/actions/%s", one["id"], pick(c.rng, []string{"deactivate", "reactivate", "reactivate"})), nil)
}

// sample gives up to n of a list.
func sample[T any](rng *rand.Rand, all []T, n int) (some []T) {
	for _, i := range rng.Perm(len(all))[:min(n, len(all))] {
		some = append(some, all[i])
	}
	return some
}
