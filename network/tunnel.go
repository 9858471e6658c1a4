package network

import (
	"cmp"
	"context"
	"net/netip"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/store"
)

// A network that several hosts hold is one broadcast domain: they carry its
// frames to each other in tunnels. Where the tunnels of a host end is told by
// the host itself; who the peers of a host are in one network follows from the
// placements, and is part of the network's spec.

// tunnel says where a host's tunnels end, as it said last: what hosts that do
// not answer at the moment are to the others does not change by that.
type tunnel struct {
	bun.BaseModel `bun:"table:network_tunnels,alias:tunnel"`
	Host          string     `bun:"host,pk"`
	Address       netip.Addr `bun:"address,notnull"`
	MTU           int        `bun:"mtu,notnull"`
}

// noteTunnel takes note of where a host's tunnels end. Those that share
// networks with it hear of it when that changed.
func (s *Service) noteTunnel(ctx context.Context, now tunnel) error {
	if has, err := now.isKnown(ctx, s.DB.Read()); err != nil || has {
		return err
	}
	return s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if is, err := s.isHost(ctx, tx, now.Host); err != nil || !is {
			return err // it left meanwhile
		}
		_, err := tx.Exec(ctx, "INSERT INTO network_tunnels (host, address, mtu) VALUES (?, ?, ?)"+
			" ON CONFLICT (host) DO UPDATE SET address = excluded.address, mtu = excluded.mtu", now.Host, text(now.Address), now.MTU)
		if err != nil {
			return err
		}
		return s.touchNetworksOn(ctx, tx, now.Host)
	})
}

// isKnown tells whether a tunnel was taken note of as it is.
func (t tunnel) isKnown(ctx context.Context, db bun.IDB) (bool, error) {
	var known []tunnel
	err := db.NewSelect().Model(&known).Where("host = ?", t.Host).Scan(ctx)
	return len(known) == 0 && !t.Address.IsValid() || len(known) == 1 && known[0] == t, err
}

// forgetTunnel takes a host from the peers of all others.
func (s *Service) forgetTunnel(ctx context.Context, tx *store.Tx, host string) error {
	if _, err := tx.Exec(ctx, "DELETE FROM network_tunnels WHERE host = ?", host); err != nil {
		return err
	}
	return s.touchNetworksOn(ctx, tx, host)
}

// text is the empty one for an address that is none.
func text(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// touchNetworksOn has all hosts follow that hold a network which a host holds.
func (s *Service) touchNetworksOn(ctx context.Context, tx *store.Tx, host string) error {
	var ids []string
	err := tx.NewSelect().Model((*placement)(nil)).Column("id").Where("host = ? AND kind = ?", host, objNetwork).Order("id").Scan(ctx, &ids)
	for _, id := range ids {
		if err == nil {
			err = s.touchPlaced(ctx, tx, id)
		}
	}
	return err
}

// peersOf gives where the other hosts that hold a network can be reached, or
// are about to hold it, or have still something of it: none for a host without
// tunnels.
func peersOf(ctx context.Context, db bun.IDB, networkID, host string) (peers []netip.Addr, err error) {
	var all []tunnel
	err = db.NewSelect().Model(&all).Join("JOIN network_placements AS p ON p.host = tunnel.host").
		Where("p.id = ? AND p.host <> ? AND tunnel.address <> ''", networkID, host).
		Where("EXISTS (SELECT 1 FROM network_tunnels AS own WHERE own.host = ? AND own.address <> '')", host).
		Order("tunnel.host").Scan(ctx)
	for _, t := range all {
		peers = append(peers, t.Address)
	}
	return peers, err
}

// spread has the other hosts that hold a network hear that one came to hold
// it, or holds it no more: it is a peer of theirs, or was.
func (s *Service) spread(ctx context.Context, tx *store.Tx, pl placement) error {
	var others []placement
	err := tx.NewSelect().Model(&others).Where("id = ? AND host <> ? AND kind = ?", pl.ID, pl.Host, objNetwork).
		Where("EXISTS (SELECT 1 FROM network_tunnels AS own WHERE own.host = ? AND own.address <> '')", pl.Host).Scan(ctx)
	if err != nil || len(others) == 0 {
		return err
	}
	if err := raise(ctx, tx, pl.ID); err != nil {
		return err
	}
	for _, other := range others {
		if err := s.enqueue(ctx, tx, other); err != nil {
			return err
		}
	}
	return nil
}

// fitMTU gives a network the largest MTU that its type may have, when it has
// none, and refuses a larger one: what goes through tunnels has to fit into
// those of every host.
func (s *Service) fitMTU(ctx context.Context, tx *store.Tx, n *Network) error {
	largest := s.o.MTU
	if networkTypes[n.Type].tunnel {
		var narrow int
		if err := tx.QueryRow(ctx, "SELECT COALESCE(MIN(mtu), 0) FROM network_tunnels WHERE mtu > 0").Scan(&narrow); err != nil {
			return err
		}
		if narrow > 0 {
			largest = min(narrow, largest)
		}
	}
	if n.MTU > largest {
		return invalid("Requested MTU is too big, maximum is %d", largest)
	}
	n.MTU = cmp.Or(n.MTU, largest)
	return nil
}
