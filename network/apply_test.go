package network_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/drivers/sim/fault"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/flow"
	"github.com/cumulite/cumulite/platform/flow/flowtest"
)

// served makes a port of the device "server" on host hv1.
func (s *site) served(n *network.Network) *network.Port {
	s.Helper()
	p := s.port(s.ann, n)
	ok(s.Plug(s.compute(), p.ID, onHost))(s)
	return ok(s.GetPort(s.ann, p.ID))(s)
}

var onHost = network.Binding{Host: "hv1", DeviceID: "server", DeviceOwner: "compute:nova"}

func TestPluggedPortIsRealOnItsHost(t *testing.T) {
	s := newSite(t)
	s.run(t)
	n, sub := s.network(s.ann, "10.0.0.0/24")
	p := s.served(n)
	require.Equal(t, network.PortActive, p.Status)
	require.Equal(t, "hv1", p.Host)
	require.Equal(t, "server", p.DeviceID)
	spec, there := s.state.Port(p.ID)
	require.True(t, there)
	require.Equal(t, p.MAC, spec.MAC)
	require.Equal(t, p.Addresses, spec.Addresses)
	require.Equal(t, p.Groups, spec.Groups)
	on, there := s.state.Network(n.ID)
	require.True(t, there)
	require.Equal(t, sub.ID, on.Subnets[0].ID)
	group, there := s.state.Group(p.Groups[0])
	require.True(t, there)
	require.Contains(t, group.Members, netip.PrefixFrom(p.Addresses[0].IP, 32))

	vif := ok(s.Plug(s.compute(), p.ID, onHost))(s)
	require.Equal(t, p.VIF, vif, "a second time is harmless")
	_, err := s.Plug(s.compute(), p.ID, network.Binding{Host: "hv1", DeviceID: "another"})
	s.requireFault(err, errs.Conflict, "PortInUse")
	_, err = s.Plug(s.ann, p.ID, onHost)
	require.Equal(t, errs.Forbidden, errs.KindOf(err))

	require.NoError(t, s.Unplug(s.compute(), p.ID))
	require.NoError(t, s.Unplug(s.compute(), p.ID))
	got := ok(s.GetPort(s.ann, p.ID))(s)
	require.Equal(t, network.PortDown, got.Status)
	require.Empty(t, got.Host+got.DeviceID+got.DeviceOwner)
	s.settle()
	require.Empty(t, s.inventory().Ports)
	require.Empty(t, s.inventory().Groups)
	require.Empty(t, s.inventory().Networks, "nothing on the host needs it any more")
}

func (s *site) inventory() network.Inventory {
	s.Helper()
	return ok(s.host.Inventory(s.Context()))(s)
}

func TestHostsFollowChanges(t *testing.T) {
	s := newSite(t)
	s.run(t)
	n, sub := s.network(s.ann, "10.0.0.0/24")
	p := s.served(n)
	ok(s.UpdateSubnet(s.ann, sub.ID, network.UpdateSubnet{DNS: to([]netip.Addr{addr("9.9.9.9")})}))(s)
	ok(s.UpdateNetwork(s.ann, n.ID, network.UpdateNetwork{AdminStateUp: to(false)}))(s)
	ok(s.UpdatePort(s.ann, p.ID, network.UpdatePort{Addresses: &[]network.Address{{IP: addr("10.0.0.77")}}, DHCPOptions: &[]network.ExtraDHCPOpt{{Name: "mtu", Value: "1400"}}}))(s)
	s.settle()
	on, _ := s.state.Network(n.ID)
	require.Equal(t, []netip.Addr{addr("9.9.9.9")}, on.Subnets[0].DNS)
	require.True(t, on.Disabled)
	spec, _ := s.state.Port(p.ID)
	require.Equal(t, addr("10.0.0.77"), spec.Addresses[0].IP)
	require.Equal(t, []network.DHCPOption{{Code: 26, Value: []byte{5, 120}}}, spec.DHCPOptions)
	group, _ := s.state.Group(p.Groups[0])
	require.Equal(t, []netip.Prefix{netip.MustParsePrefix("10.0.0.77/32")}, group.Members)
	require.NoError(t, s.DeletePort(s.ann, p.ID))
	s.settle()
	require.Empty(t, s.inventory().Ports)
	require.NoError(t, s.DeleteNetwork(s.ann, n.ID))
	s.settle()
	var left int
	require.NoError(t, s.db.QueryRow(t.Context(), "SELECT (SELECT COUNT(*) FROM network_placements) + (SELECT COUNT(*) FROM network_generations WHERE id IN (?, ?))", n.ID, p.ID).Scan(&left))
	require.Zero(t, left, "nothing is remembered of what is gone")
}

func TestManyChangesNeedOneOperation(t *testing.T) {
	s := newSite(t)
	n, sub := s.network(s.ann, "10.0.0.0/24")
	s.served(n)
	for i := range 20 {
		ok(s.UpdateSubnet(s.ann, sub.ID, network.UpdateSubnet{DNS: to([]netip.Addr{netip.AddrFrom4([4]byte{9, 9, 9, byte(i)})})}))(s)
	}
	ops, err := s.ops.List(t.Context(), "network/"+n.ID+"@hv1")
	require.NoError(t, err)
	require.Len(t, ops, 1)
	s.run(t)
	s.settle()
	on, _ := s.state.Network(n.ID)
	require.Equal(t, addr("9.9.9.19"), on.Subnets[0].DNS[0])
}

func TestChangeIsBroughtUntilTheHostTakesIt(t *testing.T) {
	s := newSite(t)
	s.run(t)
	n, sub := s.network(s.ann, "10.0.0.0/24")
	s.served(n)
	for name, err := range map[string]error{"away": nil, "not able": errs.New(errs.NotSupported, "no"), "broken": errors.New("broken")} {
		s.host.SetFault(fault.FailAt("ensure network", "", 3, err))
		gateway := network.UpdateSubnet{Name: to(name), DNS: to([]netip.Addr{addr("9.9.9." + fmt.Sprint(len(name)))})}
		ok(s.UpdateSubnet(s.ann, sub.ID, gateway))(s)
		require.Eventually(t, func() bool {
			on, _ := s.state.Network(n.ID)
			return len(on.Subnets[0].DNS) > 0 && on.Subnets[0].DNS[0] == (*gateway.DNS)[0]
		}, 10*time.Second, time.Millisecond, name)
	}
}

func TestChangeDuringItsOperationIsBroughtToo(t *testing.T) {
	s := newSite(t)
	s.run(t)
	n, _ := s.network(s.ann, "10.0.0.0/24")
	s.served(n)
	fault, reached, release := fault.HangAt("ensure network", "end")
	s.host.SetFault(fault)
	ok(s.UpdateNetwork(s.ann, n.ID, network.UpdateNetwork{AdminStateUp: to(false)}))(s)
	<-reached
	ok(s.UpdateNetwork(s.ann, n.ID, network.UpdateNetwork{AdminStateUp: to(true)}))(s)
	release()
	s.settle()
	on, _ := s.state.Network(n.ID)
	require.False(t, on.Disabled)
}

func TestPlugThatFailsCanBeRepeatedOrUndone(t *testing.T) {
	for _, method := range []string{"ensure network", "ensure group", "ensure port", "set metadata"} {
		for _, step := range []string{"begin", "end"} {
			s := newSite(t)
			s.run(t)
			s.SetMetadataSource(func(context.Context, *network.Port) (network.Metadata, error) {
				return network.Metadata{Files: map[string][]byte{"latest/user-data": []byte("hello")}}, nil
			})
			n, _ := s.network(s.ann, "10.0.0.0/24")
			p := s.port(s.ann, n)
			s.host.SetFault(fault.FailAt(method, step, 1, nil))
			_, err := s.Plug(s.compute(), p.ID, onHost)
			require.Equal(t, errs.Unavailable, errs.KindOf(err), method)
			require.Equal(t, network.PortBuild, ok(s.GetPort(s.ann, p.ID))(s).Status)
			ok(s.Plug(s.compute(), p.ID, onHost))(s)
			data, there := s.state.Metadata(p.ID, "latest/user-data")
			require.True(t, there)
			require.Equal(t, "hello", string(data))

			q := s.port(s.ann, n)
			s.host.SetFault(fault.FailAt("ensure port", step, 1, nil))
			_, err = s.Plug(s.compute(), q.ID, onHost)
			require.Error(t, err)
			require.NoError(t, s.Unplug(s.compute(), q.ID))
			s.settle()
			_, there = s.state.Port(q.ID)
			require.False(t, there)
		}
	}
}

func TestMetadataIsAskedForAgain(t *testing.T) {
	s := newSite(t)
	n, _ := s.network(s.ann, "10.0.0.0/24")
	content := "one"
	s.SetMetadataSource(func(_ context.Context, p *network.Port) (network.Metadata, error) {
		return network.Metadata{Files: map[string][]byte{"f": []byte(content + " " + p.DeviceID)}}, nil
	})
	p := s.served(n)
	content = "two"
	require.NoError(t, s.RefreshMetadata(s.compute(), p.ID))
	data, _ := s.state.Metadata(p.ID, "f")
	require.Equal(t, "two server", string(data))
	require.NoError(t, s.Unplug(s.compute(), p.ID))
	require.NoError(t, s.RefreshMetadata(s.compute(), p.ID), "a port on no host needs none")
}

func TestAdministratorsBindPorts(t *testing.T) {
	s := newSite(t)
	s.run(t)
	n, _ := s.network(s.ann, "10.0.0.0/24")
	p := s.port(s.ann, n)
	lost := ok(s.UpdatePort(s.admin, p.ID, network.UpdatePort{Host: to("elsewhere")}))(s)
	require.Equal(t, network.BindingFailed, lost.VIFType())
	ok(s.UpdatePort(s.admin, p.ID, network.UpdatePort{Host: to("hv1")}))(s)
	s.settle()
	got := ok(s.GetPort(s.admin, p.ID))(s)
	require.Equal(t, network.PortActive, got.Status)
	require.Equal(t, "sim", got.VIFType())
	ok(s.UpdatePort(s.admin, p.ID, network.UpdatePort{Host: to("")}))(s)
	s.settle()
	require.Empty(t, s.inventory().Ports)
}

func TestAttachmentsShowWhatADeviceHas(t *testing.T) {
	s := newSite(t)
	s.run(t)
	ext, _ := s.external("203.0.113.0/24")
	n, sub := s.network(s.ann, "10.0.0.0/24")
	s.router(ext, sub)
	a, b := s.served(n), s.served(n)
	f := ok(s.CreateFloatingIP(s.ann, network.CreateFloatingIP{NetworkID: ext.ID, PortID: b.ID}))(s)
	all := ok(s.Attachments(s.compute(), []string{"server", "none"}))(s)
	require.Len(t, all, 1)
	require.Equal(t, []string{a.ID, b.ID}, []string{all["server"][0].Port.ID, all["server"][1].Port.ID})
	require.False(t, all["server"][0].Addresses[0].Floating.IsValid())
	require.Equal(t, f.Address, all["server"][1].Addresses[0].Floating)
	_, err := s.Attachments(s.ann, []string{"server"})
	require.Equal(t, errs.Forbidden, errs.KindOf(err))
}

// TestOperations fails, repeats and kills the operation at every point.
func TestOperations(t *testing.T) {
	flowtest.Run(t, func(t *testing.T) flowtest.Harness {
		s := newSite(t)
		var n *network.Network
		return flowtest.Harness{
			Engine: func(o *flow.Options) *flow.Engine {
				s.startWith(t, o)
				return s.ops
			},
			Cases: map[string]flowtest.Case{"network.apply": {
				Prepare: func(context.Context) error {
					n, _ = s.network(s.ann, "10.0.0.0/24")
					s.served(n)
					return nil
				},
				Start: func(context.Context) error {
					_, err := s.UpdateNetwork(s.ann, n.ID, network.UpdateNetwork{AdminStateUp: to(false)})
					return err
				},
			}},
			Snapshot: func() map[string]string {
				inv := s.inventory()
				state := map[string]string{"networks": fmt.Sprint(len(inv.Networks)), "ports": fmt.Sprint(len(inv.Ports)), "groups": fmt.Sprint(len(inv.Groups))}
				if n != nil {
					on, _ := s.state.Network(n.ID)
					state["disabled"] = fmt.Sprint(on.Disabled)
				}
				var pending int
				require.NoError(t, s.db.QueryRow(context.WithoutCancel(t.Context()), "SELECT COUNT(*) FROM network_placements WHERE pending").Scan(&pending))
				state["pending"] = fmt.Sprint(pending)
				return state
			},
		}
	})
}

func TestNetworkThatIsNeededAgainWhileItIsTakenAwayStays(t *testing.T) {
	s := newSite(t)
	s.run(t)
	n, _ := s.network(s.ann, "10.0.0.0/24")
	first, second := s.served(n), s.port(s.ann, n)
	fault, reached, release := fault.HangAt("remove network", "begin")
	s.host.SetFault(fault)
	require.NoError(t, s.DeletePort(s.ann, first.ID))
	<-reached
	plugged := make(chan error, 1)
	go func() {
		_, err := s.Plug(s.compute(), second.ID, onHost)
		plugged <- err
	}()
	require.Eventually(t, func() bool { return ok(s.GetPort(s.ann, second.ID))(s).Status == network.PortBuild }, 10*time.Second, time.Millisecond)
	release()
	require.NoError(t, <-plugged)
	s.settle()
	_, there := s.state.Network(n.ID)
	require.True(t, there)
	require.NoError(t, s.DeletePort(s.ann, second.ID))
	s.settle()
	require.Empty(t, s.inventory().Networks)
}

func TestDHCPOptionsAreEncoded(t *testing.T) {
	s := newSite(t)
	n, _ := s.network(s.ann, "10.0.0.0/24")
	p := s.port(s.ann, n)
	ok(s.UpdatePort(s.ann, p.ID, network.UpdatePort{DHCPOptions: &[]network.ExtraDHCPOpt{
		{Name: "ntp-server", Value: "10.0.0.3"}, {Name: "tftp-server", Value: "10.0.0.4"}, {Name: "67", Value: "boot"}, {Name: "mtu", Value: "1400"},
		{Name: "no-such-option", Value: "x"}, {Name: "255", Value: "x"}, {Name: "dns-server", Value: "2001:db8::1", Version: 6},
	}}))(s)
	ok(s.Plug(s.compute(), p.ID, onHost))(s)
	spec, _ := s.state.Port(p.ID)
	require.Equal(t, []network.DHCPOption{
		{Code: 42, Value: []byte{10, 0, 0, 3}}, {Code: 66, Value: []byte("10.0.0.4")}, {Code: 67, Value: []byte("boot")}, {Code: 26, Value: []byte{5, 120}},
	}, spec.DHCPOptions)
}

func TestDeviceOfAPluggedPortIsNotItsOwnersToChange(t *testing.T) {
	s := newSite(t)
	s.run(t)
	s.SetMetadataSource(func(_ context.Context, p *network.Port) (network.Metadata, error) {
		return network.Metadata{Files: map[string][]byte{"user-data": []byte("secret of " + p.DeviceID)}}, nil
	})
	n, _ := s.network(s.ann, "10.0.0.0/24")
	p := s.served(n)
	for _, change := range []network.UpdatePort{{DeviceID: to("another's server")}, {DeviceID: to("")}, {DeviceOwner: to("")}} {
		s.requireFault(second(s.UpdatePort(s.ann, p.ID, change)), errs.Conflict, "PortInUse")
	}
	ok(s.UpdatePort(s.ann, p.ID, network.UpdatePort{Name: to("eth0"), DeviceID: &p.DeviceID, DeviceOwner: &p.DeviceOwner}))(s)
	s.settle()
	told, _ := s.state.Metadata(p.ID, "user-data")
	require.Equal(t, "secret of server", string(told))

	ok(s.UpdatePort(s.admin, p.ID, network.UpdatePort{DeviceID: to("moved")}))(s)
	require.NoError(t, s.Unplug(s.compute(), p.ID))
	ok(s.UpdatePort(s.ann, p.ID, network.UpdatePort{DeviceID: to("ann's own machine")}))(s)
}
