// Package network is the network service: networks, subnets, ports, routers,
// floating addresses and security groups (Neutron's API v2.0).
//
//	s, err := network.New(network.Deps{DB: db, Clock: clk, Ops: ops, Events: bus,
//		Drivers: map[string]network.Driver{"hv1": driver}}, nil)
//	s.SetMetadataSource(servers.Metadata) // what guests read at 169.254.169.254
//	go s.Run(ctx)                         // watches the hosts
//	…
//	n, err := s.CreateNetwork(ctx, network.CreateNetwork{Name: "web"})
//	sub, err := s.CreateSubnet(ctx, network.CreateSubnet{NetworkID: n.ID, IPVersion: 4, CIDR: netip.MustParsePrefix("10.0.0.0/24")})
//	p, err := s.CreatePort(ctx, network.CreatePort{NetworkID: n.ID})
//	vif, err := s.Plug(auth.AsService(ctx, "compute"), p.ID, network.Binding{Host: "hv1", DeviceID: server})
//
// The Service holds the rules and the rows; a Driver realises them on hosts.
//
// # From rows to hosts
//
// A change of rows and the operation that brings it to a host are committed
// together: touch raises the object's generation and starts "network.apply"
// for each host that has or needs the object, unless there is one on its way.
// The operation reads the rows anew, so that many changes are brought at once,
// and is tried until the host has taken them. The view network_needed says
// which host needs what; placements remember what was put where, so that it
// can be taken away again. Plug does not wait for operations: it brings a port
// and what that needs itself. Run compares what hosts have with what they need
// when they are seen first and when they come back, and repairs the difference.
package network
