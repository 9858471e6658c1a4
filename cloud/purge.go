package cloud

import (
	"context"
	"errors"
	"os"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/network"
)

// Purge takes away all that the cloud of these options has on its hosts and in
// its directories: guests, networks, files. Nobody may have it open.
func Purge(ctx context.Context, o Options) (err error) {
	o.fill()
	c := &Cloud{o: o}
	if c.dir, err = openDirectory(o.Dir); err != nil {
		return err
	}
	if err := c.openHosts(); err != nil {
		return errors.Join(err, c.Close())
	}
	for _, h := range c.hosts.Hypervisors {
		err = errors.Join(err, removeGuests(ctx, h))
	}
	for _, d := range c.hosts.Networks {
		err = errors.Join(err, removeNetworks(ctx, d))
	}
	if err = errors.Join(err, c.Close()); err == nil && c.hosts.Clear != nil {
		err = c.hosts.Clear()
	}
	if err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(c.hostDir()), os.RemoveAll(c.dir.path))
}

func removeGuests(ctx context.Context, h compute.Hypervisor) error {
	guests, err := h.Guests(ctx)
	all := []error{err}
	for _, g := range guests {
		all = append(all, h.Remove(ctx, "", g.ID))
	}
	return errors.Join(all...)
}

// removeNetworks removes what stands on other things before these.
func removeNetworks(ctx context.Context, d network.Driver) error {
	there, err := d.Inventory(ctx)
	all := []error{err}
	for _, each := range []struct {
		ids    map[string]int64
		remove func(context.Context, string) error
	}{{there.Routers, d.RemoveRouter}, {there.Ports, d.RemovePort}, {there.Groups, d.RemoveGroup}, {there.Networks, d.RemoveNetwork}} {
		for id := range each.ids {
			all = append(all, each.remove(ctx, id))
		}
	}
	return errors.Join(all...)
}
