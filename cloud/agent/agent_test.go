package agent_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/cloud/agent"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/secret"
)

func TestAgentNeedsAnIdentity(t *testing.T) {
	_, err := agent.Open(t.TempDir(), nil)
	require.Equal(t, errs.Invalid, errs.KindOf(err))
	for _, token := range []string{"", "cumulite-host-", "cumulite-host-e30", "something else"} {
		err := agent.Join(t.Context(), t.TempDir(), secret.New(token), "node1")
		require.Equal(t, errs.Invalid, errs.KindOf(err), "%q", token)
	}
}
