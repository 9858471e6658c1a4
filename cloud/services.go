package cloud

import (
	"context"
	"crypto/rand"
	"io"

	"github.com/cumulite/cumulite/cloud/fleet"
	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/drivers/file/fileimage"
	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/identity/token"
	"github.com/cumulite/cumulite/image"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/event"
	"github.com/cumulite/cumulite/platform/flow"
	"github.com/cumulite/cumulite/platform/lease"
	"github.com/cumulite/cumulite/platform/quota"
	"github.com/cumulite/cumulite/platform/secret"
	"github.com/cumulite/cumulite/platform/store"
)

// ephemeralCost is bcrypt's least: a login of a cloud that keeps nothing takes a millisecond.
const ephemeralCost = 4

// stateFile is the database of a cloud in its directory.
const stateFile = "state.db"

// openState opens the database, and what carries operations and events on it.
func (c *Cloud) openState(ctx context.Context) error {
	engine, err := c.openEngine(ctx)
	if err != nil {
		return err
	}
	c.db, err = store.Open(ctx, engine, &store.Options{Logger: c.o.Logger, Fault: c.o.Faults.Store}, event.Migrations(), flow.Migrations(), quota.Migrations(),
		identity.Migrations(), image.Migrations(), network.Migrations(), compute.Migrations(), fleet.Migrations(), lease.Migrations(), migrations())
	if err != nil {
		return err
	}
	if c.self, err = c.name(); err != nil {
		return err
	}
	events, ops := event.Options{Logger: c.o.Logger}, flow.Options{Owner: c.self, Logger: c.o.Logger, Fault: c.o.Faults.Step}
	if c.shared() {
		c.leases = lease.New(c.db, c.o.Clock, c.self, &lease.Options{TTL: lifetime, Logger: c.o.Logger})
		events.Poll, ops.Poll, ops.Lease = lookEvery, lookEvery, lifetime
	}
	c.events = event.New(c.db, c.o.Clock, &events)
	c.ops = flow.New(c.db, c.o.Clock, &ops)
	return nil
}

func (c *Cloud) openServices(ctx context.Context) error {
	for _, open := range []func(context.Context) error{c.openIdentity, c.openImage, c.openNetwork, c.openCompute, c.openFleet} {
		if err := open(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cloud) openIdentity(ctx context.Context) error {
	keys, err := token.OpenKeys(c.keysPath("fernet"))
	if err != nil {
		return err
	}
	o := &identity.Options{Policy: c.o.Policy, Logger: c.o.Logger, PasswordCost: c.o.PasswordCost}
	if o.PasswordCost == 0 && c.dir.ephemeral {
		o.PasswordCost = ephemeralCost
	}
	c.Identity, err = identity.New(identity.Deps{DB: c.db, Clock: c.o.Clock, Events: c.events, Keys: keys}, o)
	if err != nil {
		return err
	}
	if c.rests {
		return nil
	}
	password := c.o.AdminPassword
	if password.IsZero() {
		password = secret.New(rand.Text())
	}
	return c.Identity.Bootstrap(ctx, identity.Bootstrap{Password: password, Replace: c.o.ReplacePassword, Users: c.o.Users,
		Region: c.o.Region, Services: c.catalogue()})
}

func (c *Cloud) openImage(ctx context.Context) error {
	files, err := fileimage.Open(c.imagesPath())
	if err != nil {
		return err
	}
	c.Image, err = image.New(image.Deps{DB: c.db, Clock: c.o.Clock, Events: c.events, Store: files}, &image.Options{Policy: c.o.Policy, Logger: c.o.Logger})
	if err != nil {
		return err
	}
	if c.rests {
		return nil
	}
	// What another process uploads is no remnant.
	alone, err := c.alone(ctx)
	if err != nil || !alone {
		return err
	}
	return c.Image.Recover(ctx)
}

func (c *Cloud) openNetwork(ctx context.Context) error {
	err := c.openHosts()
	if err != nil {
		return err
	}
	if err = c.checkHosts(ctx); err != nil {
		return err
	}
	c.Network, err = network.New(network.Deps{DB: c.db, Clock: c.o.Clock, Ops: c.ops, Events: c.events, Drivers: c.hosts.Networks},
		&network.Options{Policy: c.o.Policy, Logger: c.o.Logger, Leases: c.leases})
	return err
}

func (c *Cloud) openCompute(ctx context.Context) error {
	box, err := c.openKeys(ctx)
	if err != nil {
		return err
	}
	c.Compute, err = compute.New(compute.Deps{DB: c.db, Clock: c.o.Clock, Ops: c.ops, Events: c.events, Secrets: box,
		Hosts: c.hosts.Hypervisors, Networks: c.Network, Images: c.Image}, &compute.Options{Policy: c.o.Policy, Logger: c.o.Logger, Leases: c.leases})
	if err != nil {
		return err
	}
	c.Network.SetMetadataSource(func(ctx context.Context, p *network.Port) (network.Metadata, error) {
		files, err := c.Compute.Metadata(auth.AsService(ctx, "network"), p.DeviceID)
		return network.Metadata{Files: files}, err
	})
	if c.rests {
		return nil
	}
	return c.Compute.Recover(ctx)
}

// hostImages is where hosts get the bytes of images from: nowhere while a cloud
// is taken away.
type hostImages struct{ c *Cloud }

// Open implements compute.Images.
func (h hostImages) Open(ctx context.Context, imageID string) (io.ReadCloser, error) {
	if h.c.Image == nil {
		return nil, errs.New(errs.Unavailable, "The image service is not open.")
	}
	ctx = auth.AsService(ctx, "compute")
	v, err := h.c.Image.Verified(ctx, imageID)
	if err != nil {
		return nil, err
	}
	return h.c.Image.Open(ctx, v, 0)
}
