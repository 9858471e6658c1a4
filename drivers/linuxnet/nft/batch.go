package nft

import (
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
)

// buffer holds the answers to the largest transaction, which come all at once.
const buffer = 64 << 20

// perMessage is how many elements go in one message, whose length is 16 bits:
// an even number, since an interval's two ends stay together.
const perMessage = 500

// Table is a table of ours in one family.
type Table struct {
	Name   string
	Family nftables.TableFamily
}

func (t Table) nft() *nftables.Table { return &nftables.Table{Name: t.Name, Family: t.Family} }

// Hook is where in a packet's way a chain stands.
type Hook struct {
	Type     nftables.ChainType
	At       *nftables.ChainHook
	Priority int
	Drop     bool // what nothing decides on is dropped
}

// Batch is one transaction.
type Batch struct {
	conn *nftables.Conn
	sets uint32
	err  error
}

// Begin starts a transaction in the network namespace of a descriptor.
func Begin(namespace int) (*Batch, error) {
	conn, err := nftables.New(nftables.WithNetNSFd(namespace), nftables.WithSockOptions(
		func(c *netlink.Conn) error { return c.SetReadBuffer(buffer) },
		func(c *netlink.Conn) error { return c.SetWriteBuffer(buffer) }))
	if err != nil {
		return nil, fmt.Errorf("nftables: %w", err)
	}
	return &Batch{conn: conn}, nil
}

// Commit applies the transaction.
func (b *Batch) Commit() error {
	if b.err != nil {
		return b.err
	}
	if err := b.conn.Flush(); err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	return nil
}

// Renew makes a table that is empty, whatever was there.
func (b *Batch) Renew(t Table) {
	b.Remove(t)
	b.conn.AddTable(t.nft())
}

// Remove takes a table away, if it is there.
func (b *Batch) Remove(t Table) {
	b.conn.AddTable(t.nft())
	b.conn.DelTable(t.nft())
}

// Base makes a chain that packets come to by themselves.
func (b *Batch) Base(t Table, name string, hook Hook, rules ...Rule) {
	policy := nftables.ChainPolicyAccept
	if hook.Drop {
		policy = nftables.ChainPolicyDrop
	}
	b.fill(&nftables.Chain{
		Table: t.nft(), Name: name, Type: hook.Type, Hooknum: hook.At,
		Priority: nftables.ChainPriorityRef(nftables.ChainPriority(hook.Priority)), Policy: &policy,
	}, rules)
}

// Chain makes a chain with exactly these rules.
func (b *Batch) Chain(t Table, name string, rules ...Rule) {
	b.fill(&nftables.Chain{Table: t.nft(), Name: name}, rules)
}

func (b *Batch) fill(c *nftables.Chain, rules []Rule) {
	b.conn.AddChain(c)
	b.conn.FlushChain(c)
	for _, r := range rules {
		b.conn.AddRule(&nftables.Rule{Table: c.Table, Chain: c, Exprs: r})
	}
}

// RemoveChain takes a chain away that is there and that nothing refers to.
func (b *Batch) RemoveChain(t Table, name string) {
	b.conn.FlushChain(&nftables.Chain{Table: t.nft(), Name: name})
	b.conn.DelChain(&nftables.Chain{Table: t.nft(), Name: name})
}

// Set is a named set of addresses, or a map from links.
type Set struct {
	Table Table
	Name  string
	Kind  Kind
}

// Kind is what a set holds.
type Kind uint8

// The kinds of sets.
const (
	Addresses Kind = iota
	LinkVerdicts
	LinkZones
	Tunnels // of VXLAN: from whom, with which segment
	Segments
)

// fromTo is an IPv4 address and a segment, as sets hold them.
var fromTo = nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeMark)

func (s Set) nft(id uint32) *nftables.Set {
	set := &nftables.Set{ID: id, Table: s.Table.nft(), Name: s.Name, KeyType: nftables.TypeIFName}
	switch s.Kind {
	case Addresses:
		set.KeyType, set.Interval = nftables.TypeIPAddr, true
	case LinkVerdicts:
		set.IsMap, set.DataType = true, nftables.TypeVerdict
	case LinkZones:
		set.IsMap, set.DataType = true, nftables.TypeInetService // 16 bits, as a zone
	case Tunnels:
		set.KeyType = fromTo
	case Segments:
		set.KeyType = nftables.TypeMark
	}
	return set
}

// Set makes a set, if it is not there.
func (b *Batch) Set(s Set) {
	b.sets++
	b.keep(b.conn.AddSet(s.nft(b.sets), nil))
}

// RemoveSet takes a set away that is there and that nothing refers to.
func (b *Batch) RemoveSet(s Set) { b.conn.DelSet(s.nft(0)) }

// Replace makes the IPv4 addresses of these prefixes the whole content of a set.
func (b *Batch) Replace(s Set, prefixes []netip.Prefix) {
	b.conn.FlushSet(s.nft(0))
	elements := intervals(prefixes)
	for len(elements) > 0 {
		n := min(len(elements), perMessage)
		b.keep(b.conn.SetAddElements(s.nft(0), elements[:n]))
		elements = elements[n:]
	}
}

// Link is an element of a map from links.
type Link struct {
	Name string
	Jump string // of LinkVerdicts
	Zone uint16 // of LinkZones
}

func (l Link) element(k Kind) []nftables.SetElement {
	e := nftables.SetElement{Key: LinkName(l.Name)}
	switch k {
	case LinkVerdicts:
		e.VerdictData = &expr.Verdict{Kind: expr.VerdictJump, Chain: l.Jump}
	case LinkZones:
		e.Val = binaryutil.NativeEndian.PutUint16(l.Zone)
	}
	return []nftables.SetElement{e}
}

// Add puts a link in a map; the same twice is harmless.
func (b *Batch) Add(s Set, l Link) { b.keep(b.conn.SetAddElements(s.nft(0), l.element(s.Kind))) }

// Take takes a link out of a map that it is in.
func (b *Batch) Take(s Set, l Link) {
	b.keep(b.conn.SetDeleteElements(s.nft(0), l.element(s.Kind)))
}

// AddTunnels puts where packets of a segment come from in a set of Tunnels; the
// same twice is harmless.
func (b *Batch) AddTunnels(s Set, segment int, from []netip.Addr) {
	b.keep(b.conn.SetAddElements(s.nft(0), tunnels(segment, from)))
}

// TakeTunnels takes out of a set of Tunnels what is in it.
func (b *Batch) TakeTunnels(s Set, segment int, from []netip.Addr) {
	b.keep(b.conn.SetDeleteElements(s.nft(0), tunnels(segment, from)))
}

func tunnels(segment int, from []netip.Addr) (all []nftables.SetElement) {
	for _, a := range from {
		all = append(all, nftables.SetElement{Key: append(a.AsSlice(), onWire(segment)...)})
	}
	return all
}

// AddSegment puts a segment in a set; the same twice is harmless.
func (b *Batch) AddSegment(s Set, segment int) {
	b.keep(b.conn.SetAddElements(s.nft(0), []nftables.SetElement{{Key: onWire(segment)}}))
}

// TakeSegment takes a segment out of a set that it is in.
func (b *Batch) TakeSegment(s Set, segment int) {
	b.keep(b.conn.SetDeleteElements(s.nft(0), []nftables.SetElement{{Key: onWire(segment)}}))
}

// onWire is a segment as a register holds it that its three bytes were loaded into.
func onWire(segment int) []byte {
	return []byte{byte(segment >> 16), byte(segment >> 8), byte(segment), 0}
}

func (b *Batch) keep(err error) {
	if b.err == nil && err != nil {
		b.err = fmt.Errorf("nftables: %w", err)
	}
}
