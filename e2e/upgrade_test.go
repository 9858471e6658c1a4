package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The state directory that the program of commit 2abc64f made, with three
// servers on a simulated host, is that of today's program.
func TestStateOfAnEarlierProgramGoesOn(t *testing.T) {
	dir := t.TempDir()
	out, err := exec.CommandContext(t.Context(), "tar", "-xzf", filepath.Join("testdata", "state-2abc64f.tar.gz"), "-C", dir).CombinedOutput()
	require.NoError(t, err, string(out))
	require.NoError(t, os.Chmod(filepath.Join(dir, "state"), 0o700))
	d := startDaemon(t, here, "--operator", "none", "--state-dir", filepath.Join(dir, "state"), "--host", "h1")
	member := logIn(t, d.clouds, "cumulite", d.url)
	member.active(t, 30*time.Second, "s0", "s1", "s2")
	first := func(path, list string) map[string]any {
		all := member.must(t, "GET", path, nil)[list].([]any)
		require.NotEmpty(t, all, path)
		return all[0].(map[string]any)
	}
	image := first("/image/v2/images?name=few-kb", "images")
	require.Equal(t, "active", image["status"])
	network := first("/networking/v2.0/networks?name=net", "networks")
	require.Len(t, member.must(t, "GET", "/networking/v2.0/ports?network_id="+network["id"].(string)+"&device_owner=compute:nova", nil)["ports"], 3)
	require.Equal(t, "key", first("/compute/v2.1/os-keypairs", "keypairs")["keypair"].(map[string]any)["name"])
	member.must(t, "POST", "/compute/v2.1/servers", map[string]any{"server": map[string]any{"name": "s3", "key_name": "key", "imageRef": image["id"],
		"flavorRef": first("/compute/v2.1/flavors", "flavors")["id"], "networks": []any{map[string]any{"uuid": network["id"]}}}})
	member.active(t, 30*time.Second, "s0", "s1", "s2", "s3")
}
