package linuxnet

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"github.com/cumulite/cumulite/drivers/linuxnet/namespace"
	"github.com/cumulite/cumulite/network"
)

func (m *machine) inventory() network.Inventory {
	m.t.Helper()
	has, err := m.driver.Inventory(context.Background())
	require.NoError(m.t, err)
	return has
}

func (m *machine) addLink(kind string) string {
	m.t.Helper()
	name := m.names().link(kind, "abcdef01-2345-4678-8abc-def012345678")
	require.NoError(m.t, m.space.Links.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: name}}))
	return name
}

// Whatever is done to links and namespaces behind the driver's back is seen in
// its inventory, and is put right by the calls that a host's reconciler makes.
func TestTheInventoryIsWhatIsThere(t *testing.T) {
	m := newMachine(t)
	m.open()
	w := m.whole()
	before, links := m.inventory(), m.left()
	require.Equal(t, map[string]int64{w.p.ID: w.p.Generation}, before.Ports)
	require.Len(t, before.Networks, 2)
	require.Len(t, before.Routers, 1)

	t.Run("a tap is deleted", func(t *testing.T) {
		require.NoError(t, remove(m.space, m.names().link(tap, w.p.ID)))
		require.Empty(t, m.inventory().Ports)
		m.ensure(w.p)
		require.Equal(t, before, m.inventory())
	})
	t.Run("a tap is taken out of its bridge", func(t *testing.T) {
		l, err := m.space.Links.LinkByName(m.names().link(tap, w.p.ID))
		require.NoError(t, err)
		require.NoError(t, m.space.Links.LinkSetNoMaster(l))
		require.Empty(t, m.inventory().Ports)
		m.ensure(w.p)
		require.Equal(t, before, m.inventory())
	})
	t.Run("a router's leg is deleted", func(t *testing.T) {
		require.NoError(t, remove(m.space, m.names().link(router, w.r.Gateway.PortID)))
		require.Empty(t, m.inventory().Routers)
		require.NoError(t, m.driver.EnsureRouter(t.Context(), w.r))
		require.Equal(t, before, m.inventory())
	})
	for _, kind := range []string{tap, bridge, router, tunnel, hostPlug, metadataAt} {
		t.Run("a link of kind "+kind+" that is of nothing", func(t *testing.T) {
			m.addLink(kind)
			for id := range m.inventory().Ports {
				if id != w.p.ID {
					require.NoError(t, m.driver.RemovePort(t.Context(), id))
				}
			}
			for id := range m.inventory().Networks {
				if before.Networks[id] == 0 {
					require.NoError(t, m.driver.RemoveNetwork(t.Context(), id))
				}
			}
			require.Equal(t, before, m.inventory())
		})
	}
	t.Run("a namespace that is of nothing", func(t *testing.T) {
		const id = "abcdef01-2345-4678-8abc-def012345678"
		s, err := namespace.Create(m.names().space(routerSpace, id))
		require.NoError(t, err)
		require.NoError(t, s.Close())
		require.Contains(t, m.inventory().Routers, id)
		require.NoError(t, m.driver.RemoveRouter(t.Context(), id))
		require.Equal(t, before, m.inventory())
	})
	require.ElementsMatch(t, links, m.left())
	m.requireWorks(w)
}

func TestWhatCannotBeInForceIsNotTakenForNothing(t *testing.T) {
	m := newMachine(t)
	m.open()
	w := m.whole()
	bad := w.p
	bad.MAC = "nonsense"
	require.NoError(t, m.driver.records.ports.Put(bad.ID, bad))
	m.open()
	require.Empty(t, m.inventory().Ports)
	m.addLink(tap)
	for id := range m.inventory().Ports {
		require.NoError(t, m.driver.RemovePort(t.Context(), id))
	}
	_, err := m.space.Links.LinkByName(m.names().link(tap, w.p.ID))
	require.NoError(t, err, "a guest may have it in use")
	m.ensure(w.p)
	require.Contains(t, m.inventory().Ports, w.p.ID)
}
