package network_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/network"
)

func TestSubnetWithoutGateway(t *testing.T) {
	w := newWorld(t)
	n, _ := w.net(t, "10.0.0.0/24")
	sub, err := w.CreateSubnet(w.ctx, network.CreateSubnet{NetworkID: n.ID, IPVersion: 4, CIDR: netip.MustParsePrefix("10.0.1.0/24"), GatewayIP: &netip.Addr{}})
	require.NoError(t, err)
	got, err := w.GetSubnet(w.ctx, sub.ID)
	require.NoError(t, err)
	require.False(t, got.GatewayIP.IsValid())
}
