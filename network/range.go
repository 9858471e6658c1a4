package network

import (
	"encoding/binary"
	"math/big"
	"net/netip"
)

// bounds gives the first and the last address of a subnet that may be given
// out: neither the network's own nor the broadcast address.
func (sub *Subnet) bounds() (lowest, highest netip.Addr) {
	lowest, highest = sub.CIDR.Addr(), last(sub.CIDR)
	if sub.CIDR.Addr().BitLen()-sub.CIDR.Bits() < 2 {
		return lowest, highest
	}
	if lowest.Is4() {
		highest = highest.Prev()
	}
	return lowest.Next(), highest
}

// usable tells whether an address can be a port's.
func (sub *Subnet) usable(a netip.Addr) bool {
	lowest, highest := sub.bounds()
	return lowest.Compare(a) <= 0 && a.Compare(highest) <= 0
}

// firstAddress is the gateway of subnets that do not say.
func (sub *Subnet) firstAddress() netip.Addr {
	if !sub.CIDR.IsValid() {
		return netip.Addr{}
	}
	lowest, _ := sub.bounds()
	return lowest
}

// defaultPools are all addresses that may be given out, but the gateway's.
func (sub *Subnet) defaultPools() []Pool {
	lowest, highest := sub.bounds()
	g := sub.GatewayIP
	if !g.IsValid() || !sub.usable(g) {
		return []Pool{{lowest, highest}}
	}
	pools := []Pool{}
	if lowest.Less(g) {
		pools = append(pools, Pool{lowest, g.Prev()})
	}
	if g.Less(highest) {
		pools = append(pools, Pool{g.Next(), highest})
	}
	return pools
}

// last gives the last address of a prefix.
func last(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < 8*len(b); i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// position tells how far an address is behind the subnet's first; nil where that is too far to count.
func (sub *Subnet) position(a netip.Addr) *int64 {
	n := distance(sub.CIDR.Addr(), a)
	if !n.IsInt64() {
		return nil
	}
	at := n.Int64()
	return &at
}

// at gives the address that is so far behind the subnet's first.
func (sub *Subnet) at(position int64) netip.Addr {
	b := sub.CIDR.Addr().As16()
	low := binary.BigEndian.Uint64(b[8:])
	sum := low + uint64(position)
	binary.BigEndian.PutUint64(b[8:], sum)
	if sum < low {
		binary.BigEndian.PutUint64(b[:8], binary.BigEndian.Uint64(b[:8])+1)
	}
	a := netip.AddrFrom16(b)
	if sub.CIDR.Addr().Is4() {
		return a.Unmap()
	}
	return a
}

// distance counts the addresses from one to another.
func distance(from, to netip.Addr) *big.Int {
	a, b := new(big.Int).SetBytes(from.AsSlice()), new(big.Int).SetBytes(to.AsSlice())
	return b.Sub(b, a)
}

// size counts the addresses of a pool.
func (p Pool) size() *big.Int {
	n := distance(p.Start, p.End)
	return n.Add(n, big.NewInt(1))
}
