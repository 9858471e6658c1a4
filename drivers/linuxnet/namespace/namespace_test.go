package namespace_test

import (
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"github.com/cumulite/cumulite/drivers/linuxnet/namespace"
	"github.com/cumulite/cumulite/test/need"
)

func TestANamespaceStaysUntilItIsRemoved(t *testing.T) {
	need.Root(t)
	name := "test-namespace-" + strconv.Itoa(rand.Int())
	none, err := namespace.Find(name)
	require.NoError(t, err)
	require.Nil(t, none)
	defer func() { require.NoError(t, namespace.Remove(name)) }()
	first, err := namespace.Create(name)
	require.NoError(t, err)
	require.NoError(t, first.Links.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "inside"}}))
	require.NoError(t, first.Close())

	again, err := namespace.Create(name)
	require.NoError(t, err)
	defer again.Close()
	require.NoError(t, again.Do(func() error { _, err := net.InterfaceByName("inside"); return err }))
	_, err = net.InterfaceByName("inside")
	require.Error(t, err, "the process itself stays where it is")
	all, err := namespace.List(func(n string) bool { return n == name })
	require.NoError(t, err)
	require.Equal(t, []string{name}, all)

	require.NoError(t, again.Sysctls(map[string]string{"ipv4/ip_forward": "1", "ipv4/no_such_thing": "1"}))
	require.ErrorIs(t, again.Need("ipv4/no_such_thing", "1"), os.ErrNotExist)
	require.NoError(t, again.Do(func() error {
		text, err := os.ReadFile("/proc/sys/net/ipv4/ip_forward")
		require.Equal(t, "1\n", string(text))
		return err
	}))

	require.NoError(t, namespace.Remove(name))
	require.NoError(t, namespace.Remove(name), "what is not there is no error")
	_, err = namespace.Open(name)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestAListIsTakenAgainWhileItChanges(t *testing.T) {
	times := 0
	got, err := namespace.Whole(func() (int, error) {
		if times++; times < 3 {
			return 0, netlink.ErrDumpInterrupted
		}
		return times, nil
	})
	require.NoError(t, err)
	require.Equal(t, 3, got)
	broken := errors.New("broken")
	_, err = namespace.Whole(func() (int, error) { return 0, broken })
	require.ErrorIs(t, err, broken)
}
