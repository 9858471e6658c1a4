package computeapi

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
)

func TestHostStatusSaysFirstWhatAnAdministratorDecided(t *testing.T) {
	for want, host := range map[string]compute.Host{
		"UP":          {Answers: true},
		"UNKNOWN":     {},
		"MAINTENANCE": {Disabled: true},
		"DOWN":        {Disabled: true, ForcedDown: true, Answers: true},
	} {
		require.Equal(t, want, hostStatus(&host))
	}
	require.Equal(t, "MAINTENANCE", hostStatus(&compute.Host{Disabled: true, Answers: true}))
}
