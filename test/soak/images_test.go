package soak

import (
	"crypto/sha512"
	"encoding/hex"

	"github.com/cumulite/cumulite/image/imagetest"
)

func (c *client) createImage() {
	name := c.newName()
	t := c.make("image", object{"name": name, "disk_format": "raw", "container_format": "bare", "visibility": "private"})
	if t == nil {
		return
	}
	t.want["name"] = name
	c.upload(t)
}

// upload sends the bytes of an image; they are there once that is acknowledged.
func (c *client) upload(t *thing) {
	disk := imagetest.Disk(1 << (10 + c.rng.IntN(8)))
	sum := sha512.Sum512(disk)
	a := c.call("PUT", t.path()+"/file", disk)
	t.learn(a, object{"os_hash_value": hex.EncodeToString(sum[:]), "size": len(disk)})
}

func (c *client) changeImage() {
	t := c.one("image")
	if t == nil {
		return
	}
	if _, uploaded := t.want["size"]; !uploaded && c.chance(50) {
		c.upload(t)
		return
	}
	name := c.newName()
	a := c.call("PATCH", t.path(), []object{{"op": "replace", "path": "/name", "value": name}})
	t.learn(a, object{"name": name})
}
