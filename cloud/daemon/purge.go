package daemon

import (
	"context"
	"errors"
	"os"

	"github.com/cumulite/cumulite/cloud"
	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/clock"
)

// purge takes away all that a cloud has on this machine: its guests, its
// networks, its files.
func purge(ctx context.Context, c Config, drivers Drivers) (err error) {
	deps := cloud.HostDeps{Dir: c.hostDir(), Clock: clock.System(), Logger: newLogger(c.LogLevel)}
	if err := os.MkdirAll(deps.Dir, 0o711); err != nil {
		return err
	}
	all, err := hosts(c, drivers, deps)
	if err != nil {
		return err
	}
	err = errors.Join(removeGuests(ctx, all.Hypervisors[c.Host]), removeNetworks(ctx, all.Networks[c.Host]))
	if err = errors.Join(err, all.Close()); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(deps.Dir), os.RemoveAll(c.StateDir))
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
