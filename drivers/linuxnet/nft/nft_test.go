package nft_test

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"testing"

	"github.com/google/nftables"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/drivers/linuxnet/namespace"
	"github.com/cumulite/cumulite/drivers/linuxnet/nft"
	"github.com/cumulite/cumulite/test/need"
)

var table = nft.Table{Name: "t", Family: nftables.TableFamilyBridge}

// machine is a namespace without rules.
func machine(t *testing.T) *namespace.Space {
	need.Root(t)
	name := "test-nft-" + strconv.Itoa(rand.Int())
	s, err := namespace.Create(name)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		require.NoError(t, namespace.Remove(name))
	})
	return s
}

func begin(t *testing.T, s *namespace.Space) *nft.Batch {
	b, err := nft.Begin(s.FD())
	require.NoError(t, err)
	return b
}

// chains gives how many rules each chain of the table has.
func chains(t *testing.T, s *namespace.Space) map[string]int {
	conn, err := nftables.New(nftables.WithNetNSFd(s.FD()))
	require.NoError(t, err)
	all, err := conn.ListChainsOfTableFamily(table.Family)
	require.NoError(t, err)
	got := map[string]int{}
	for _, c := range all {
		rules, err := conn.GetRules(c.Table, c)
		require.NoError(t, err)
		got[c.Name] = len(rules)
	}
	return got
}

func TestATransactionAppliesAsAWholeOrNotAtAll(t *testing.T) {
	s := machine(t)
	b := begin(t, s)
	b.Renew(table)
	b.Chain(table, "a", nft.Drop)
	require.NoError(t, b.Commit())

	b = begin(t, s)
	b.Chain(table, "b", nft.Accept, nft.Accept)
	b.Chain(table, "a", nft.Jump("nowhere"))
	require.Error(t, b.Commit())
	require.Equal(t, map[string]int{"a": 1}, chains(t, s))

	b = begin(t, s)
	b.Chain(table, "b", nft.Accept, nft.Accept)
	b.Chain(table, "a", nft.Jump("b"))
	require.NoError(t, b.Commit())
	require.Equal(t, map[string]int{"a": 1, "b": 2}, chains(t, s))

	b = begin(t, s)
	b.Renew(table)
	require.NoError(t, b.Commit())
	require.Empty(t, chains(t, s))
	for range 2 {
		b = begin(t, s)
		b.Remove(table)
		require.NoError(t, b.Commit())
	}
}

func TestSetsTakeWhatPrefixesCoverAndMoreThanAMessageHolds(t *testing.T) {
	s := machine(t)
	set := nft.Set{Table: table, Name: "members", Kind: nft.Addresses}
	kept := func() []string {
		conn, err := nftables.New(nftables.WithNetNSFd(s.FD()))
		require.NoError(t, err)
		got, err := conn.GetSetByName(&nftables.Table{Name: table.Name, Family: table.Family}, set.Name)
		require.NoError(t, err)
		elements, err := conn.GetSetElements(got)
		require.NoError(t, err)
		var ends []string
		for _, e := range elements {
			a, _ := netip.AddrFromSlice(e.Key)
			ends = append(ends, a.String())
		}
		slices.Sort(ends)
		return ends
	}
	var many []netip.Prefix
	var ends []string
	for a := netip.MustParseAddr("10.0.0.0"); len(many) < 5000; a = a.Next().Next() {
		many, ends = append(many, netip.PrefixFrom(a, 32)), append(ends, a.String(), a.Next().String())
	}
	slices.Sort(ends)
	parse := netip.MustParsePrefix
	for _, c := range []struct {
		prefixes []netip.Prefix
		ends     []string
	}{
		{many, ends},
		{[]netip.Prefix{parse("10.0.0.7/25"), parse("10.0.0.128/32"), parse("10.0.0.5/32"), parse("10.0.0.5/32")}, []string{"10.0.0.0", "10.0.0.129"}},
		{[]netip.Prefix{parse("255.255.255.0/24"), parse("10.0.0.1/32")}, []string{"10.0.0.1", "10.0.0.2", "255.255.255.0"}},
		{[]netip.Prefix{parse("0.0.0.0/0")}, []string{"0.0.0.0"}},
		{nil, nil},
	} {
		b := begin(t, s)
		b.Remove(table)
		b.Renew(table)
		b.Set(set)
		b.Replace(set, c.prefixes)
		require.NoError(t, b.Commit())
		require.Equal(t, c.ends, kept())
	}
}
