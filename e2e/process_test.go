package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMistakesEndWithOneSentence(t *testing.T) {
	taken := startDaemon(t, here, "--ephemeral")
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	for name, args := range map[string][]string{
		"unknown flag":                {"--colour"},
		"word":                        {"start"},
		"unknown hypervisor":          {"--hypervisor", "bhyve"},
		"two kinds of state":          {"--ephemeral", "--state-dir", dir},
		"ephemeral guests":            {"--ephemeral", "--hypervisor", "libvirt"},
		"relaxed on a database":       {"--relaxed", "--database", "postgres://x/y", "--keys", dir, "--images", dir, "--state-dir", dir},
		"off loopback without TLS":    {"--ephemeral", "--listen", "0.0.0.0:0"},
		"certificate without key":     {"--ephemeral", "--tls-cert", write("cert", "")},
		"no certificate":              {"--ephemeral", "--tls-cert", write("c", "x"), "--tls-key", write("k", "x")},
		"address taken":               {"--ephemeral", "--listen", taken.url[len("http://"):]},
		"no configuration file":       {"--ephemeral", "--config", filepath.Join(dir, "none")},
		"configuration is not YAML":   {"--ephemeral", "--config", write("not.yaml", "a: [")},
		"unknown setting in the file": {"--config", write("unknown.yaml", "colour: red\n")},
		"policy is not a policy":      {"--ephemeral", "--policy", write("policy.yaml", "\"create_network\": \"role:\"\n")},
		"state directory is a file":   {"--state-dir", write("file", "")},
		"bad public URL":              {"--ephemeral", "--public-url", "cloud.example"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := output(t, here, nil, program(t, "daemons/cumulited"), append([]string{"--operator", "127.0.0.1:0"}, args...)...)
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit)
			require.Equal(t, 2, exit.ExitCode(), err)
			require.Regexp(t, `^[^\n]+: cumulited: [^\n]+$`, err.Error())
		})
	}
}

func TestStateIsForItsOwnerAndOneProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	d := startDaemon(t, here, "--state-dir", dir)
	modes := map[string]os.FileMode{}
	require.NoError(t, filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		modes[path] = info.Mode().Perm()
		return err
	}))
	for path, mode := range modes {
		require.Zero(t, mode&0o077, "%s is %o", path, mode)
	}
	require.Contains(t, modes, filepath.Join(dir, "clouds.yaml"))
	_, err := output(t, here, nil, program(t, "daemons/cumulited"), "--listen", "127.0.0.1:0", "--operator", "none", "--state-dir", dir)
	require.ErrorContains(t, err, "another process uses it")
	require.NoError(t, d.stop(syscall.SIGTERM))
}

func TestEphemeralCloudLeavesNothing(t *testing.T) {
	d := startDaemon(t, here, "--ephemeral")
	require.Contains(t, d.ready, "everything is lost")
	require.NoError(t, d.stop(syscall.SIGTERM))
	_, err := os.Stat(filepath.Dir(d.clouds))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestPasswordsAndTokensSurviveKill(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	d := startDaemon(t, here, "--state-dir", dir)
	member := cloud{d, here, "cumulite"}
	before, err := os.ReadFile(d.clouds)
	require.NoError(t, err)
	token := member.field(t, "id", "token", "issue")
	require.Error(t, d.stop(syscall.SIGKILL))

	d = startDaemon(t, here, "--state-dir", dir)
	after, err := os.ReadFile(d.clouds)
	require.NoError(t, err)
	require.Equal(t, passwords(string(before)), passwords(string(after)))
	r, err := http.NewRequestWithContext(t.Context(), "GET", d.url+"/image/v2/images", http.NoBody)
	require.NoError(t, err)
	r.Header.Set("X-Auth-Token", token)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	answer.Body.Close()
	require.Equal(t, 200, answer.StatusCode)
	cloud{d, here, "cumulite-admin"}.field(t, "id", "token", "issue")

	require.NoError(t, d.stop(syscall.SIGTERM))
	require.NoError(t, os.Remove(d.clouds))
	d = startDaemon(t, here, "--state-dir", dir)
	cloud{d, here, "cumulite"}.field(t, "id", "token", "issue")
	require.NoError(t, d.stop(syscall.SIGTERM))
	d = startDaemon(t, here, "--state-dir", dir, "--admin-password", "another one")
	cloud{d, here, "cumulite-admin"}.field(t, "id", "token", "issue")
}
