package quota_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/doctor"
	"github.com/cumulite/cumulite/platform/quota"
	"github.com/cumulite/cumulite/platform/store/storetest"
)

func TestRecountFindsAndMendsWhatIsCountedWrong(t *testing.T) {
	db, b := storetest.Open(t, quota.Migrations()), newBook()
	inv := b.Recount(db, `SELECT 'p' AS project_id, 'cores' AS resource, 8 AS used UNION ALL SELECT 'p', 'instances', 2 UNION ALL SELECT 'q', 'instances', 1`)
	require.Equal(t, "compute.quotas", inv.Name)
	require.NoError(t, use(db, b, "p", amounts{"instances": 2, "cores": 9}))
	require.NoError(t, use(db, b, "gone", amounts{"ram": 5}))
	require.NoError(t, use(db, quota.New("network", amounts{"instances": 9}), "p", amounts{"instances": 3}), "another service's")

	found, err := inv.Check(t.Context())
	require.NoError(t, err)
	says := map[string]string{}
	for _, f := range found {
		says[f.Object] = f.Says
	}
	require.Equal(t, map[string]string{
		"count of project p cores": "it is too high by 1", "count of project q instances": "it is too low by 1", "count of project gone ram": "it is too high by 5",
	}, says)

	require.True(t, doctor.Examine(t.Context(), []doctor.Invariant{inv}, doctor.Options{Repair: true}).Held())
	require.Equal(t, amounts{"instances": 2, "cores": 8, "ram": 0}, used(t, db, b, "p"))
	require.Equal(t, 1, used(t, db, b, "q")["instances"])
	require.Zero(t, used(t, db, b, "gone")["ram"])
}
