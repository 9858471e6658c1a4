package simnetwork

import (
	"crypto/sha256"
	"fmt"
	"iter"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/network/frame"
)

// Delivery says that a frame came out at a port; Place is the port's id, or
// that of an external network for the host itself.
type Delivery struct {
	Place string
	Frame frame.Frame
}

// metadataIP is where guests find the metadata service.
var metadataIP = netip.MustParseAddr("169.254.169.254")

// Send puts in a frame at a port, or at an external network as the host
// itself, and gives where it comes out, with the answers of the services that
// the host gives to the port.
func (s *State) Send(place string, f frame.Frame) []Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := walk{State: s, trip: &trip{}}
	if p, is := s.ports[place]; is {
		w.fromPort(p, f)
	} else if n, is := s.networks[place]; is && n.External {
		w.across(n, place, f)
	}
	return w.out
}

// Metadata gives what the guest on a port reads at a path of the metadata
// service: a file, or the names in a folder.
func (s *State) Metadata(portID, path string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	files := s.metadata[portID]
	path = strings.Trim(path, "/")
	if content, is := files[path]; is {
		return content, true
	}
	var names []string
	for name := range files {
		rest, below := strings.CutPrefix(name, path+"/")
		if path == "" {
			rest, below = name, true
		}
		if below {
			first, _, deeper := strings.Cut(rest, "/")
			if deeper {
				first += "/"
			}
			names = append(names, first)
		}
	}
	slices.Sort(names)
	return []byte(strings.Join(slices.Compact(names), "\n")), len(names) > 0
}

// trip is the way of one frame, and of what it becomes on routers.
type trip struct {
	out  []Delivery
	hops int
}

// walk is a trip on one machine.
type walk struct {
	*State
	*trip
}

func (w walk) deliver(place string, f frame.Frame) {
	w.out = append(w.out, Delivery{Place: place, Frame: f})
}

// fromPort is what happens to a frame that a guest sends.
func (w walk) fromPort(p network.PortSpec, f frame.Frame) {
	n := w.networks[p.NetworkID]
	if p.Disabled || n.Disabled || p.PortSecurity && (!mayClaim(p, f) || served(f)) {
		return
	}
	if isDHCP(f) {
		if answer, ok := dhcpAnswer(n, p, f); ok {
			w.deliver(p.ID, answer)
		}
		return
	}
	if f.Dst == metadataIP && f.Kind != frame.IsAt {
		return // the host answers it, see Metadata
	}
	if w.passes(p, network.Egress, f) {
		w.across(n, p.ID, f)
	}
}

// across carries a frame over a network to all whom it is for.
func (w walk) across(n network.NetworkSpec, from string, f frame.Frame) {
	if n.Disabled {
		return
	}
	w.here(n, from, f)
	if from == n.ID {
		return // the host itself: each has the same addresses on an external network, for itself alone
	}
	if n.External {
		w.toHost(n, f)
	}
	for there, m := range w.beyond(n) {
		there.here(m, "", f)
	}
}

// here carries a frame to all on this machine whom it is for, but the host itself.
func (w walk) here(n network.NetworkSpec, from string, f frame.Frame) {
	for _, id := range sortedKeys(w.ports) {
		if p := w.ports[id]; p.NetworkID == n.ID && id != from && !p.Disabled && hears(p, f) && w.passes(p, network.Ingress, f) {
			w.deliver(id, f)
		}
	}
	for _, id := range sortedKeys(w.routers) {
		w.toRouter(w.routers[id], n, from, f)
	}
}

// beyond gives the other machines that a network goes on to, and the network as
// each has it: a peer takes frames from its own peers only.
func (w walk) beyond(n network.NetworkSpec) iter.Seq2[walk, network.NetworkSpec] {
	return func(yield func(walk, network.NetworkSpec) bool) {
		for _, peer := range n.Peers {
			there, is := w.machines[peer]
			if !is {
				continue
			}
			for _, id := range sortedKeys(there.networks) {
				m := there.networks[id]
				if m.Type == n.Type && m.Segment == n.Segment && !m.Disabled && slices.Contains(m.Peers, w.tunnel) && !yield(walk{there, w.trip}, m) {
					return
				}
			}
		}
	}
}

// hears tells whether a port takes frames to that MAC address.
func hears(p network.PortSpec, f frame.Frame) bool {
	return f.DstMAC == frame.Broadcast || strings.HasPrefix(f.DstMAC, "33:33:") || f.DstMAC == p.MAC ||
		slices.ContainsFunc(p.Pairs, func(pair network.Pair) bool { return pair.MAC == f.DstMAC })
}

// toHost hands a frame to the host itself, which has the gateway's addresses
// on an external network.
func (w walk) toHost(n network.NetworkSpec, f frame.Frame) {
	mac := hostMAC(n.ID)
	mine := slices.ContainsFunc(n.Subnets, func(s network.SubnetSpec) bool { return s.Gateway.IsValid() && s.Gateway == f.Dst })
	switch {
	case f.Kind == frame.WhoHas && mine:
		w.across(n, n.ID, isAt(mac, f))
	case f.DstMAC == mac:
		w.deliver(n.ID, f)
	}
}

// hostMAC gives the host's address on an external network.
func hostMAC(networkID string) string {
	sum := sha256.Sum256([]byte(networkID))
	return fmt.Sprintf("02:%02x:%02x:%02x:%02x:%02x", sum[0], sum[1], sum[2], sum[3], sum[4])
}

// isAt answers the question where an address is.
func isAt(mac string, asked frame.Frame) frame.Frame {
	return frame.Frame{Kind: frame.IsAt, SrcMAC: mac, DstMAC: asked.SrcMAC, Src: asked.Dst, Dst: asked.Src}
}

func parseMAC(mac string) (net.HardwareAddr, error) {
	m, err := net.ParseMAC(mac)
	if err == nil && len(m) != 6 {
		err = fmt.Errorf("%s is no Ethernet address", mac)
	}
	return m, err
}

func sortedKeys[T any](all map[string]T) []string {
	keys := make([]string, 0, len(all))
	for k := range all {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
