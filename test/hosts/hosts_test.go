package hosts_test

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/test/hosts"
	"github.com/cumulite/cumulite/test/need"
)

func TestMachinesReachEachOtherUnlessCut(t *testing.T) {
	ping := need.Program(t, "ping")
	rig := hosts.Start(t, "hv1", "hv2")
	reaches := func(from, to *hosts.Machine) bool {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		c := exec.CommandContext(ctx, ping, "-c", "5", "-i", "0.2", "-W", "1", to.Address.String())
		require.NoError(t, from.Start(c))
		return c.Wait() == nil
	}
	one, two := rig.Hosts[0], rig.Hosts[1]
	require.True(t, reaches(rig.Controller, one.Machine))
	require.True(t, reaches(one.Machine, two.Machine))
	require.True(t, reaches(two.Machine, rig.Controller))
	two.Cut()
	require.False(t, reaches(one.Machine, two.Machine))
	require.True(t, reaches(one.Machine, rig.Controller))
	two.Mend()
	require.True(t, reaches(one.Machine, two.Machine))
	require.NotEqual(t, one.Libvirt.Socket(), two.Libvirt.Socket())
	require.Empty(t, one.Libvirt.Names())
}
