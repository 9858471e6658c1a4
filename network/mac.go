package network

import (
	"context"
	"crypto/rand"
	"net"
	"net/netip"
	"strings"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// macTries is how often a MAC is made before the network is said to have none left.
const macTries = 16

// chooseMAC gives a port that names none a MAC of its own, or sees that the
// one it names is free.
func (p *Port) chooseMAC(ctx context.Context, tx *store.Tx) error {
	if p.MAC != "" {
		return p.checkMAC(ctx, tx)
	}
	for range macTries {
		p.MAC = newMAC()
		taken, err := p.macTaken(ctx, tx)
		if err != nil || !taken {
			return err
		}
	}
	return errs.New(errs.Unavailable, "Unable to generate unique mac on network %s.", p.NetworkID).WithCode("MacAddressGenerationFailure")
}

func (p *Port) checkMAC(ctx context.Context, tx *store.Tx) error {
	mac, err := net.ParseMAC(p.MAC)
	if err != nil || len(mac) != 6 || mac[0]&1 != 0 {
		return errs.Invalidf("Invalid input for mac_address. Reason: '%s' is not a valid MAC address.", p.MAC).WithCode("HTTPBadRequest")
	}
	p.MAC = mac.String()
	taken, err := p.macTaken(ctx, tx)
	if err == nil && taken {
		return errs.Conflictf("Unable to complete operation for network %s. The mac address %s is in use.", p.NetworkID, p.MAC).WithCode("MacAddressInUse")
	}
	return err
}

func (p *Port) macTaken(ctx context.Context, tx *store.Tx) (taken bool, err error) {
	err = tx.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM network_ports WHERE network_id = ? AND mac_address = ? AND id <> ?)", p.NetworkID, p.MAC, p.ID).Scan(&taken)
	return taken, err
}

// newMAC makes a MAC with Neutron's prefix.
func newMAC() string {
	mac := net.HardwareAddr{0xfa, 0x16, 0x3e, 0, 0, 0}
	_, _ = rand.Read(mac[3:]) // never fails
	return mac.String()
}

// eui64 gives the address that an interface makes of its MAC (RFC 4291, appendix A).
func eui64(subnet netip.Prefix, mac string) netip.Addr {
	m, err := net.ParseMAC(strings.ToLower(mac))
	if err != nil || len(m) != 6 {
		return netip.Addr{}
	}
	a := subnet.Addr().As16()
	copy(a[8:], []byte{m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]})
	return netip.AddrFrom16(a)
}
