// Package compute is the compute service: servers, flavors, keypairs and the
// hosts they run on (Nova's API v2.1).
//
// The Service holds the rules and the rows; a Hypervisor runs guests on a host.
//
//	s, err := compute.New(compute.Deps{DB: db, Clock: clk, Ops: ops, Events: bus, Secrets: box,
//		Hosts: map[string]compute.Hypervisor{"hv1": host}, Networks: networks, Images: images}, nil)
//	networks.SetMetadataSource(func(ctx context.Context, p *network.Port) (network.Metadata, error) {
//		files, err := s.Metadata(auth.AsService(ctx, "network"), p.DeviceID)
//		return network.Metadata{Files: files}, err
//	})
//	err = s.Recover(ctx)
//	go ops.Run(ctx)
//	go s.Run(ctx)
//	…
//	made, err := s.CreateServer(ctx, compute.CreateServer{Name: "vm", FlavorID: "1", ImageID: id})
//
// How a server comes about: CreateServer resolves what the request names with
// the caller's grant, writes the rows, counts the quota and starts an operation,
// all in one transaction. The operation asks the scheduler for a host and claims
// it, makes and plugs the ports, makes and starts the guest; when a step fails
// for good, what was done is undone and the server is in VMError with a Fault.
// What may be done to a server, and where it leads, stands in state.go. Delete
// cuts short whatever is under way, and does not wait for a host that is down.
//
// Run watches the hosts: a guest that stops by itself is seen, and what was left
// on a host while it was out of reach is put right.
package compute
