package linuxnet

import (
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/cumulite/cumulite/drivers/linuxnet/namespace"
	"github.com/cumulite/cumulite/drivers/linuxnet/nft"
	"github.com/cumulite/cumulite/network"
)

// translations is the table in a router's namespace.
var translations = nft.Table{Name: "cumulite", Family: nftables.TableFamilyIPv4}

var (
	atArrival   = nft.Hook{Type: nftables.ChainTypeNAT, At: nftables.ChainHookPrerouting, Priority: -100}
	atForward   = nft.Hook{Type: nftables.ChainTypeFilter, At: nftables.ChainHookForward, Priority: 0}
	atDeparture = nft.Hook{Type: nftables.ChainTypeNAT, At: nftables.ChainHookPostrouting, Priority: 100}
)

// translate sets how a router changes addresses, and ends conversations that
// were translated in a way that it no longer has.
func (d *Driver) translate(space *namespace.Space, spec, old network.RouterSpec) error {
	b, err := nft.Begin(space.FD())
	if err != nil {
		return err
	}
	b.Renew(translations)
	if spec.Gateway != nil {
		gateway := d.names.link(router, spec.Gateway.PortID)
		b.Base(translations, "arrival", atArrival, arrivals(spec)...)
		b.Base(translations, "forward", atForward, nft.Of(nft.In.Is(gateway), nft.Out.Is(gateway), nft.Drop))
		b.Base(translations, "departure", atDeparture, departures(spec, gateway)...)
	}
	if err := b.Commit(); err != nil {
		return err
	}
	return forgetTranslated(space, lost(old, spec))
}

// arrivals lead floating addresses to the fixed ones, from wherever they come.
func arrivals(spec network.RouterSpec) (rules []nft.Rule) {
	for _, f := range spec.Floating {
		rules = append(rules, nft.Of(nft.Dest(netip.PrefixFrom(f.External, 32)), nft.DNAT(f.Fixed)))
	}
	return rules
}

// departures say with which address packets leave. What came from outside
// stays as it is. What goes outside, or inside after it was sent to a floating
// address, comes from the sender's floating address, or with SNAT the router's.
func departures(spec network.RouterSpec, gateway string) []nft.Rule {
	rules := []nft.Rule{
		nft.Of(nft.In.Is(gateway), nft.Accept),
		nft.Of(nft.Out.IsNot(gateway), nft.NotRedirected, nft.Accept),
	}
	for _, f := range spec.Floating {
		rules = append(rules, nft.Of(nft.Source(netip.PrefixFrom(f.Fixed, 32)), nft.SNAT(f.External)))
	}
	if a, has := masked(spec); has {
		rules = append(rules, nft.SNAT(a))
	}
	return rules
}

// masked gives the address that a router hides its networks behind.
func masked(spec network.RouterSpec) (netip.Addr, bool) {
	if spec.Gateway == nil || !spec.SNAT || len(spec.Gateway.Addresses) == 0 {
		return netip.Addr{}, false
	}
	return spec.Gateway.Addresses[0].Addr(), true
}

// lost gives the outer addresses that no longer stand for what they stood for.
func lost(old, now network.RouterSpec) outer {
	gone := outer{}
	for _, f := range old.Floating {
		gone[f.External] = f.Fixed
	}
	for _, f := range now.Floating {
		if gone[f.External] == f.Fixed {
			delete(gone, f.External)
		}
	}
	was, had := masked(old)
	if is, has := masked(now); had && (!has || is != was) {
		gone[was] = netip.Addr{}
	}
	return gone
}

// outer is a set of addresses, a filter of conversations to or behind them.
type outer map[netip.Addr]netip.Addr

// MatchConntrackFlow tells whether one of the addresses was translated in a conversation.
func (o outer) MatchConntrackFlow(f *netlink.ConntrackFlow) bool {
	to, _ := netip.AddrFromSlice(f.Forward.DstIP)
	behind, _ := netip.AddrFromSlice(f.Reverse.DstIP)
	_, led := o[to.Unmap()]
	_, hid := o[behind.Unmap()]
	return led && !f.Forward.DstIP.Equal(f.Reverse.SrcIP) || hid && !f.Forward.SrcIP.Equal(f.Reverse.DstIP)
}

func forgetTranslated(space *namespace.Space, gone outer) error {
	if len(gone) == 0 {
		return nil
	}
	_, err := namespace.Whole(func() (uint, error) {
		return space.Links.ConntrackDeleteFilters(netlink.ConntrackTable, unix.AF_INET, gone)
	})
	if err != nil {
		return fmt.Errorf("end translated conversations: %w", err)
	}
	return nil
}
