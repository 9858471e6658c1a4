package compute

import (
	"context"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/store"
)

// Networks is what compute needs of the network service; *network.Service is
// one. What the caller may not see is errs.NotFound.
type Networks interface {
	GetNetwork(ctx context.Context, id string) (*network.Network, error)
	ListNetworks(ctx context.Context, q store.Query) (page []network.Network, more bool, err error)
	GetPort(ctx context.Context, id string) (*network.Port, error)
	ListPorts(ctx context.Context, q store.Query) (page []network.Port, more bool, err error)
	// CreatePort makes a port. From a service the id may be chosen: when there
	// is one of it already the error is errs.Conflict.
	CreatePort(ctx context.Context, in network.CreatePort) (*network.Port, error)
	UpdatePort(ctx context.Context, id string, in network.UpdatePort) (*network.Port, error)
	DeletePort(ctx context.Context, id string) error
	ListSecurityGroups(ctx context.Context, q store.Query) (page []network.SecurityGroup, more bool, err error)
	Bindings
}

// Bindings is the part of Networks about the ports of servers on hosts.
type Bindings interface {
	// Plug binds a port to a device on a host and makes it real there. It may
	// be repeated. A port of another device is errs.Conflict.
	Plug(ctx context.Context, portID string, b network.Binding) (network.VIF, error)
	// Unplug takes a port off its host and its device. What is recorded before
	// the host fails to do it is done when the host can.
	Unplug(ctx context.Context, portID string) error
	// Attachments gives the ports of each device, the oldest first.
	Attachments(ctx context.Context, deviceIDs []string) (map[string][]network.Attachment, error)
	// Bound gives the ports on hosts of devices whose owner begins so.
	Bound(ctx context.Context, owner string) ([]network.Bound, error)
	// RefreshMetadata has a port's metadata asked for again.
	RefreshMetadata(ctx context.Context, portID string) error
}
