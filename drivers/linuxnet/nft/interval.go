package nft

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/google/nftables"
)

// interval is a range of IPv4 addresses, the end not included.
type interval struct{ from, to uint64 }

// merged gives the intervals that prefixes cover, apart from each other and in
// order: the kernel refuses what overlaps.
func merged(prefixes []netip.Prefix) (all []interval) {
	for _, p := range slices.SortedFunc(slices.Values(prefixes), netip.Prefix.Compare) {
		from := uint64(binary.BigEndian.Uint32(p.Masked().Addr().AsSlice()))
		to := from + 1<<(32-p.Bits())
		if n := len(all); n > 0 && from <= all[n-1].to {
			all[n-1].to = max(all[n-1].to, to)
			continue
		}
		all = append(all, interval{from, to})
	}
	return all
}

// intervals gives the elements of a set: each interval's first address, and
// the first that is not in it any more. The last of all addresses has none
// behind it.
func intervals(prefixes []netip.Prefix) (elements []nftables.SetElement) {
	for _, i := range merged(prefixes) {
		elements = append(elements, nftables.SetElement{Key: binary.BigEndian.AppendUint32(nil, uint32(i.from))})
		if i.to < 1<<32 {
			elements = append(elements, nftables.SetElement{Key: binary.BigEndian.AppendUint32(nil, uint32(i.to)), IntervalEnd: true})
		}
	}
	return elements
}
