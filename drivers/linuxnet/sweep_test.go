package linuxnet

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"github.com/cumulite/cumulite/drivers/linuxnet/namespace"
	"github.com/cumulite/cumulite/network"
)

// left gives the links and namespaces of ours.
func (m *machine) left() (names []string) {
	m.t.Helper()
	all, err := namespace.Whole(m.space.Links.LinkList)
	require.NoError(m.t, err)
	for _, l := range all {
		if m.names().ours().MatchString(l.Attrs().Name) {
			names = append(names, l.Attrs().Name)
		}
	}
	spaces, err := namespace.List(m.names().isSpace)
	require.NoError(m.t, err)
	return append(names, spaces...)
}

// TestWhatAKilledProcessLeftIsRemoved has a process die between an effect and
// its record: each object is made, and its record is taken away.
func TestWhatAKilledProcessLeftIsRemoved(t *testing.T) {
	m := newMachine(t)
	m.open()
	kept := m.whole()
	before := m.left()
	lost := m.net("10.9.0.0/24", false)
	p := m.port(lost, "10.9.0.10", m.openGroup())
	m.tell(p)
	r := network.RouterSpec{Generation: 1, ID: uuid.NewString(), Interfaces: []network.RouterInterface{leg(lost, "10.9.0.1/24", "fa:16:3e:09:00:01")}}
	require.NoError(t, m.driver.EnsureRouter(t.Context(), r))
	more := kept.r
	more.Generation, more.Interfaces = 2, append(more.Interfaces, leg(lost, "10.9.0.2/24", "fa:16:3e:09:00:02"))
	require.NoError(t, m.driver.EnsureRouter(t.Context(), more))
	require.Greater(t, len(m.left()), len(before)+5)

	require.NoError(t, m.driver.records.networks.Delete(lost.ID))
	require.NoError(t, m.driver.records.ports.Delete(p.ID))
	require.NoError(t, m.driver.records.routers.Delete(r.ID))
	require.NoError(t, m.driver.records.routers.Put(kept.r.ID, kept.r))
	m.open()
	require.ElementsMatch(t, before, m.left())
	_, told := m.driver.records.metadata.Get(p.ID)
	require.False(t, told)
	m.requireWorks(kept)
}

func TestLinksOfOthersAreLeftAlone(t *testing.T) {
	m := newMachine(t)
	m.open()
	foreign := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "other0"}}
	require.NoError(t, m.space.Links.LinkAdd(foreign))
	m.open()
	_, err := m.space.Links.LinkByName("other0")
	require.NoError(t, err)
}

func TestWhatIsRecordedAndCannotBeInForceKeepsItsLink(t *testing.T) {
	m := newMachine(t)
	m.open()
	w := m.whole()
	bad := w.p
	bad.MAC = "nonsense"
	require.NoError(t, m.driver.records.ports.Put(bad.ID, bad))
	m.open()
	_, err := m.space.Links.LinkByName(m.names().link(tap, w.p.ID))
	require.NoError(t, err, "a guest may have it in use")
}
