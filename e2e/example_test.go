package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestExampleBootsAServer(t *testing.T) {
	d := startDaemon(t, here, "--ephemeral")
	for range 2 { // it leaves nothing that stands in its own way
		out, err := output(t, here, []string{"OS_CLIENT_CONFIG_FILE=" + d.clouds}, program(t, "examples/firstserver"))
		require.NoError(t, err)
		require.Regexp(t, `^server [0-9a-f-]{36}: ACTIVE after `, out)
		require.Contains(t, out, "172.24.5.")
	}
}
