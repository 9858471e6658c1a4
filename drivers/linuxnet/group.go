package linuxnet

import (
	"context"

	"github.com/cumulite/cumulite/network"
)

// EnsureGroup implements network.Driver.
func (d *Driver) EnsureGroup(ctx context.Context, spec network.GroupSpec) error {
	return d.change(ctx, "ensure the security group "+spec.ID, func() error {
		if old, there := d.records.groups.Get(spec.ID); there && spec.Generation < old.Generation {
			return nil
		}
		if err := checkID("security group", spec.ID); err != nil {
			return err
		}
		if err := d.filter.SetGroup(spec); err != nil {
			return err
		}
		return d.records.groups.Put(spec.ID, spec)
	})
}

// RemoveGroup implements network.Driver.
func (d *Driver) RemoveGroup(ctx context.Context, id string) error {
	return d.change(ctx, "remove the security group "+id, func() error {
		if err := d.filter.RemoveGroup(id); err != nil {
			return err
		}
		return d.records.groups.Delete(id)
	})
}
