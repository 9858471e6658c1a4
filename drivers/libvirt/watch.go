package libvirt

import (
	"context"

	golibvirt "github.com/digitalocean/go-libvirt"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/compute/hosting"
)

// Watch implements compute.Watcher by libvirt's lifecycle events.
func (d *Driver) Watch(ctx context.Context) (<-chan compute.Guest, error) {
	events, err := ask(ctx, d.conn, callTime, func(l *golibvirt.Libvirt) (<-chan golibvirt.DomainEventLifecycleMsg, error) {
		return l.LifecycleEvents(ctx)
	})
	if err != nil {
		return nil, err
	}
	feed := new(hosting.Feed)
	changes := feed.Watch(ctx)
	go func() {
		defer feed.Break() // the connection was lost
		for ev := range events {
			id := textID(ev.Dom.UUID)
			if power := powerAfter(ev); power != compute.NoState && d.guest(id).exists() {
				feed.Tell(compute.Guest{ID: id, Power: power})
			}
		}
	}()
	return changes, nil
}

// powerAfter gives the state that an event leads to, NoState for one that
// leads to none.
func powerAfter(ev golibvirt.DomainEventLifecycleMsg) compute.PowerState {
	switch golibvirt.DomainEventType(ev.Event) {
	case golibvirt.DomainEventStarted, golibvirt.DomainEventResumed:
		return compute.Running
	case golibvirt.DomainEventSuspended:
		return compute.Paused
	case golibvirt.DomainEventCrashed:
		return compute.Crashed
	case golibvirt.DomainEventStopped:
		switch golibvirt.DomainEventStoppedDetailType(ev.Detail) {
		case golibvirt.DomainEventStoppedCrashed:
			return compute.Crashed
		case golibvirt.DomainEventStoppedSaved:
			return compute.Suspended
		}
		return compute.Shutdown
	}
	return compute.NoState
}
