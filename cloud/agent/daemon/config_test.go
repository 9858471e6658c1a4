package daemon

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/errs"
)

var sims = Drivers{Hypervisors: map[string]NewHypervisor{"sim": nil}, Networks: map[string]NewNetwork{"sim": nil}}

func TestCommandLineSaysWhatIsDone(t *testing.T) {
	var out strings.Builder
	c, chosen, _, err := parse(nil, sims, &out)
	require.NoError(t, err)
	require.False(t, isJoin(chosen))
	require.Equal(t, Config{StateDir: "/var/lib/cumulite-host", Hypervisor: "sim", Network: "sim", Accel: "auto",
		LibvirtSocket: "/run/libvirt/libvirt-sock", Operator: "127.0.0.1:9295", LogLevel: "warn"}, c.Config)
	c, chosen, _, err = parse([]string{"join", "--name", "node1", "-"}, sims, &out)
	require.NoError(t, err)
	require.True(t, isJoin(chosen))
	require.Equal(t, joinCommand{Token: "-", Name: "node1"}, c.Join)
	_, _, help, err := parse([]string{"--help"}, sims, &out)
	require.NoError(t, err)
	require.True(t, help)
	for _, bad := range [][]string{{"join"}, {"leave"}, {"--hypervisor", "bhyve"}, {"--tunnel", "node1"}, {"--colour"}} {
		_, _, _, err := parse(bad, sims, &out)
		require.Equal(t, errs.Invalid, errs.KindOf(err), "%v", bad)
	}
}

func TestTunnelEndsWhereTheControllersAreReachedFrom(t *testing.T) {
	at, err := (&Config{}).tunnel(t.Context(), []string{"[::1]:9293", "127.0.0.1:9293"})
	require.NoError(t, err)
	require.Equal(t, netip.MustParseAddr("127.0.0.1"), at)
	at, err = (&Config{Tunnel: "192.0.2.1"}).tunnel(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, netip.MustParseAddr("192.0.2.1"), at)
	_, err = (&Config{}).tunnel(t.Context(), []string{"nonsense"})
	require.Error(t, err)
}
