// Package linuxnet is a host's networking made of what every Linux kernel has:
// bridges, taps, network namespaces and nftables. It runs no program.
//
//	host, err := linuxnet.Open("/var/lib/cumulite/network", &linuxnet.Options{Name: "hv1"})
//
// # What is where
//
//	 guest       guest         169.254.169.254        router, a namespace     the host itself
//	   │           │             a namespace          SNAT, floating addresses  (external only)
//	  tap         tap                │                    │          │               │
//	┌──┴───────────┴─────────────────┴────────────────────┴──┐   ┌───┴───────────────┴────┐
//	│ bridge: a network                                      │   │ bridge: an external one│
//	└────────────────────────────────────────────────────────┘   └────────────────────────┘
//
// Bridges never hand a frame to the host: its own stack is reached by a link
// that is plugged into an external network, and holds the gateway's address
// there. So there is no way out of a network but a router. The package filter
// decides what taps send and get; nothing passes a tap that it does not know.
//
// DHCP is answered on each tap, before the bridge, by the package dhcp. The
// metadata service listens in a namespace for each network; the filter lets a
// port speak to it by the port's own addresses and MAC only, whatever else the
// port may send, and leads it there by whatever way the guest chose. So the
// address that a connection comes from says who asks.
//
// # Networks on several hosts
//
// A network of type vxlan that has peers has one more link on its bridge: the
// tunnels to these hosts, for Options.Tunnel. Frames for everyone, and for those
// whose place is not known, go to each peer, and to nobody else; where an address
// is the kernel learns. What comes in is taken only when both the sender and
// the segment are those of a peer in that very network, so that a host which
// did not hear yet of the end of a network reaches no other network, and
// packets that guests send to the port of tunnels by way of the host are
// dropped. Filters are on the ports, at both ends. DHCP, metadata and the
// host's own address on an external network are each host's own: nothing of
// them goes through tunnels. Who has no port security may take the addresses of
// others on the same network, as seen from other hosts: on a host itself, the
// places of its own ports and routers are fixed.
//
// Networks should be 50 bytes smaller than the underlay (Host.TunnelMTU);
// larger packets arrive in fragments of the underlay.
//
// # What outlives the process
//
// Links, filters and namespaces do. Each object's spec is a file (0600) in the
// state directory, written when it is in force. Open puts everything in force
// anew from there, also after the machine was started anew, and DHCP and
// metadata answer when it returns: nobody else is asked. So an agent on the
// host that opens a driver, and gives it to networkrpc.Serve, needs no
// controller for what is there. One process at a time has the state directory;
// a second is refused.
//
// # External networks
//
// The host holds the gateways' addresses: what it listens to there, guests
// behind a router can reach, and it reaches floating addresses. Whether it
// forwards further, to where and under which address, is for its owner to say
// (net.ipv4.ip_forward, a rule that masquerades).
//
// # What the host must have
//
// The rights of root, bridges, taps, veth, nftables, and br_netfilter: bridged
// packets are shown to the connection tracking of the IP family. A host whose
// other rules drop forwarded packets (Docker sets such a policy) has to let
// those from bridges to themselves pass.
//
// The kernel's VXLAN, and UDP port 4789 open between hosts, for tunnels.
//
// IPv6 is not there: no IPv6 packet passes a port with port security, whatever
// its rules and pairs say, and networks, ports and routers with IPv6 addresses
// are refused.
package linuxnet
