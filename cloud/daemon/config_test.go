package daemon

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/secret"
)

var sims = Drivers{Hypervisors: map[string]NewHypervisor{"sim": nil, "other": nil}, Networks: map[string]NewNetwork{"sim": nil}}

func parsed(t *testing.T, args ...string) Config {
	t.Helper()
	c, _, help, err := parse(args, sims, &bytes.Buffer{})
	require.NoError(t, err)
	require.False(t, help)
	return c
}

func TestFlagsComeBeforeTheEnvironmentAndTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	require.NoError(t, os.WriteFile(path, []byte("region: Here\nlisten: 127.0.0.1:7000\nadmin-password: from the file\nephemeral: true\n"), 0o600))
	c := parsed(t, "--config", path)
	require.Equal(t, "Here", c.Region)
	require.Equal(t, "from the file", c.AdminPassword)
	require.True(t, c.Ephemeral)
	require.Equal(t, "127.0.0.1:7001", c.Operator)

	t.Setenv("CUMULITE_ADMIN_PASSWORD", "from the environment")
	c = parsed(t, "--config", path, "--region", "There")
	require.Equal(t, "There", c.Region)
	require.Equal(t, "from the environment", c.AdminPassword)
	require.Equal(t, "127.0.0.1:7000", c.Listen)
	require.Equal(t, "from the flag", parsed(t, "--config", path, "--admin-password", "from the flag").AdminPassword)
}

func TestRunIsWhatIsDoneWhenNoCommandIsNamed(t *testing.T) {
	for _, args := range [][]string{nil, {"run"}, {"--region", "Here"}, {"run", "--region", "Here"}, {"--region", "Here", "run"}} {
		_, do, _, err := parse(args, sims, &bytes.Buffer{})
		require.NoError(t, err)
		require.IsType(t, &runCommand{}, do, "%q", args)
	}
	_, _, _, err := parse([]string{"walk"}, sims, &bytes.Buffer{})
	require.True(t, errs.Is(err, errs.Invalid))
}

func TestDefaultsAreThoseOfOneMachine(t *testing.T) {
	c := parsed(t, "--state-dir", "/x")
	host, err := os.Hostname()
	require.NoError(t, err)
	require.Equal(t, Config{StateDir: "/x", Listen: "127.0.0.1:5000", Operator: "127.0.0.1:5001", Region: "RegionOne", Host: host,
		Hypervisor: "sim", Network: "sim", Accel: "auto", LibvirtSocket: "/run/libvirt/libvirt-sock", LogLevel: "warn"}, c)
	require.Empty(t, parsed(t, "--ephemeral", "--operator", "none").Operator)
	require.Equal(t, "127.0.0.1:0", parsed(t, "--ephemeral", "--listen", "127.0.0.1:0").Operator)
	require.Equal(t, "192.0.2.1", parsed(t, "--hosts-listen", "192.0.2.1:9292").Tunnel.String())
	require.Equal(t, "192.0.2.9", parsed(t, "--hosts-listen", "192.0.2.1:9292", "--tunnel", "192.0.2.9").Tunnel.String())
	require.False(t, parsed(t, "--hosts-listen", "0.0.0.0:9292", "--hosts-address", "192.0.2.1").Tunnel.IsValid())
	_, _, _, err = parse([]string{"--tunnel", "here"}, sims, &bytes.Buffer{})
	require.True(t, errs.Is(err, errs.Invalid))
	require.NotEmpty(t, parsed(t).StateDir)
}

func TestHelpNamesTheDrivers(t *testing.T) {
	var out bytes.Buffer
	_, _, help, err := parse([]string{"--help"}, sims, &out)
	require.NoError(t, err)
	require.True(t, help)
	require.Contains(t, out.String(), "other,sim")
}

func TestCloudsFileKeepsPasswords(t *testing.T) {
	path := filepath.Join(t.TempDir(), cloudsFile)
	first, err := accounts(path, secret.String{})
	require.NoError(t, err)
	require.True(t, first[0].fresh && first[1].fresh)
	require.False(t, first[0].Password.Equal(first[1].Password))
	require.NoError(t, writeClouds(path, "http://127.0.0.1:5000", "R", first))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	again, err := accounts(path, secret.String{})
	require.NoError(t, err)
	for i := range again {
		require.False(t, again[i].fresh)
		require.True(t, again[i].Password.Equal(first[i].Password))
	}
	given, err := accounts(path, secret.New(`quoted " and: odd`))
	require.NoError(t, err)
	require.True(t, given[0].fresh)
	require.False(t, given[1].fresh)
	require.NoError(t, writeClouds(path, "http://127.0.0.1:5000", "R", given))
	again, err = accounts(path, secret.String{})
	require.NoError(t, err)
	require.True(t, again[0].Password.Equal(given[0].Password))

	require.NoError(t, os.WriteFile(path, []byte("clouds: ["), 0o600))
	_, err = accounts(path, secret.String{})
	require.Error(t, err)
}
