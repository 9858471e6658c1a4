// Package network is the network service: networks, subnets, ports, routers,
// floating addresses and security groups (Neutron's API v2.0, which networkapi
// serves).
//
//	s, err := network.New(network.Deps{DB: db, Clock: clk, Ops: ops, Events: bus,
//		Drivers: map[string]network.Driver{"hv1": driver}}, nil)
//	go s.Run(ctx) // watches the hosts
//	n, err := s.CreateNetwork(ctx, network.CreateNetwork{Name: "private"})
//	sub, err := s.CreateSubnet(ctx, network.CreateSubnet{NetworkID: n.ID, IPVersion: 4, CIDR: cidr})
//	r, err := s.CreateRouter(ctx, network.CreateRouter{Gateway: &network.Gateway{NetworkID: public.ID}})
//	_, err = s.AddRouterInterface(ctx, r.ID, network.InterfaceOf{SubnetID: sub.ID})
//	p, err := s.CreatePort(ctx, network.CreatePort{NetworkID: n.ID})
//	f, err := s.CreateFloatingIP(ctx, network.CreateFloatingIP{NetworkID: public.ID, PortID: p.ID})
//
// The Service holds the rules and the rows; a Driver realises them on one
// host. A change and the operation that has the hosts follow it are committed
// together: each object has a generation, which every change raises, and a
// host has the networks, groups, routers and ports that what is on it needs,
// as the rows say and not as somebody remembered to tell it. Compute asks for
// a port to be made real at once, with Plug.
//
// One noun has one file, with its type, its rules and the Service's methods;
// kind (standard.go) is what all of them have in common. apply.go and bring.go
// are the way to the hosts, driver.go and networktest the contract with them.
package network
