// Package networkrpc carries the calls of network.Driver between a controller
// and the host they are for.
//
//	networkrpc.Serve(mux, driver)          // in the host's agent
//	driver := networkrpc.Client(caller)    // in the controller
package networkrpc

import (
	"context"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/rpc"
)

// The methods.
const (
	methodDescribe      = "network.describe"
	methodInventory     = "network.inventory"
	methodEnsureNetwork = "network.network.ensure"
	methodRemoveNetwork = "network.network.remove"
	methodEnsurePort    = "network.port.ensure"
	methodRemovePort    = "network.port.remove"
	methodSetMetadata   = "network.port.metadata"
	methodEnsureGroup   = "network.group.ensure"
	methodRemoveGroup   = "network.group.remove"
	methodEnsureRouter  = "network.router.ensure"
	methodRemoveRouter  = "network.router.remove"
)

type none struct{}

// onMetadata is what SetMetadata is asked with.
type onMetadata struct {
	PortID string           `json:"port_id"`
	Doc    network.Metadata `json:"doc"`
}

// Serve answers on mux for d.
func Serve(mux *rpc.Mux, d network.Driver) {
	rpc.Handle(mux, methodDescribe, func(ctx context.Context, _ none) (network.Host, error) { return d.Describe(ctx) })
	rpc.Handle(mux, methodInventory, func(ctx context.Context, _ none) (network.Inventory, error) { return d.Inventory(ctx) })
	rpc.Handle(mux, methodEnsurePort, d.EnsurePort)
	handle(mux, methodEnsureNetwork, d.EnsureNetwork)
	handle(mux, methodRemoveNetwork, d.RemoveNetwork)
	handle(mux, methodRemovePort, d.RemovePort)
	handle(mux, methodEnsureGroup, d.EnsureGroup)
	handle(mux, methodRemoveGroup, d.RemoveGroup)
	handle(mux, methodEnsureRouter, d.EnsureRouter)
	handle(mux, methodRemoveRouter, d.RemoveRouter)
	handle(mux, methodSetMetadata, func(ctx context.Context, in onMetadata) error { return d.SetMetadata(ctx, in.PortID, in.Doc) })
}

func handle[In any](mux *rpc.Mux, method string, fn func(context.Context, In) error) {
	rpc.Handle(mux, method, func(ctx context.Context, in In) (none, error) { return none{}, fn(ctx, in) })
}

// Client gives the driver of the host that answers at c.
func Client(c rpc.Caller) network.Driver { return client{c} }

type client struct{ c rpc.Caller }

func call[In any](ctx context.Context, c rpc.Caller, method string, in In) error {
	_, err := rpc.Invoke[In, none](ctx, c, method, in)
	return err
}

func (h client) Describe(ctx context.Context) (network.Host, error) {
	return rpc.Invoke[none, network.Host](ctx, h.c, methodDescribe, none{})
}

func (h client) Inventory(ctx context.Context) (network.Inventory, error) {
	return rpc.Invoke[none, network.Inventory](ctx, h.c, methodInventory, none{})
}

func (h client) EnsurePort(ctx context.Context, spec network.PortSpec) (network.VIF, error) {
	return rpc.Invoke[network.PortSpec, network.VIF](ctx, h.c, methodEnsurePort, spec)
}

func (h client) EnsureNetwork(ctx context.Context, spec network.NetworkSpec) error {
	return call(ctx, h.c, methodEnsureNetwork, spec)
}

func (h client) RemoveNetwork(ctx context.Context, id string) error {
	return call(ctx, h.c, methodRemoveNetwork, id)
}

func (h client) RemovePort(ctx context.Context, id string) error {
	return call(ctx, h.c, methodRemovePort, id)
}

func (h client) SetMetadata(ctx context.Context, portID string, doc network.Metadata) error {
	return call(ctx, h.c, methodSetMetadata, onMetadata{PortID: portID, Doc: doc})
}

func (h client) EnsureGroup(ctx context.Context, spec network.GroupSpec) error {
	return call(ctx, h.c, methodEnsureGroup, spec)
}

func (h client) RemoveGroup(ctx context.Context, id string) error {
	return call(ctx, h.c, methodRemoveGroup, id)
}

func (h client) EnsureRouter(ctx context.Context, spec network.RouterSpec) error {
	return call(ctx, h.c, methodEnsureRouter, spec)
}

func (h client) RemoveRouter(ctx context.Context, id string) error {
	return call(ctx, h.c, methodRemoveRouter, id)
}
