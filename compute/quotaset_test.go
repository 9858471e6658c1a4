package compute_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/quota"
)

// publicKey is a key that is nobody's.
const publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ+bB4XbpUDA4hSsAPyWj6yuTvh9tIE0Ls5bD5uKjGsb nobody"

func TestQuotasAreForAdministratorsToChange(t *testing.T) {
	w := newWorld(t)
	limits := map[quota.Resource]int{"cores": 5}
	_, err := w.SetQuotas(member(t), "p1", limits, true)
	refused(t, errs.Forbidden, err)
	refused(t, errs.Forbidden, w.ClearQuotas(member(t), "p1"))
	_, err = w.SetClassQuotas(member(t), "default", limits)
	refused(t, errs.Forbidden, err)
	_, err = w.ClassQuotas(member(t))
	refused(t, errs.Forbidden, err)
	_, err = w.Quotas(as(t, "p2", "reader"), "p1")
	refused(t, errs.Forbidden, err)
	_, err = w.Limits(as(t, "p2", "reader"), "p1")
	refused(t, errs.Forbidden, err)
	all, err := w.Quotas(as(t, "p1", "reader"), "p1")
	require.NoError(t, err)
	require.Equal(t, 20, all["cores"])
}

func TestQuotasTakeOnlyWhatIsKnown(t *testing.T) {
	w := newWorld(t)
	for _, limits := range []map[quota.Resource]int{{"volumes": 1}, {"cores": -2}} {
		_, err := w.SetQuotas(admin(t), "p1", limits, true)
		refused(t, errs.Invalid, err)
	}
}

func TestDefaultQuotasGiveWayToAProjectsOwn(t *testing.T) {
	w := newWorld(t)
	_, err := w.SetClassQuotas(admin(t), "default", map[quota.Resource]int{"instances": 0})
	require.NoError(t, err)
	_, err = w.CreateServer(member(t), w.request(t))
	refused(t, errs.Quota, err)
	_, err = w.SetQuotas(admin(t), "p1", map[quota.Resource]int{"instances": 1}, false)
	require.NoError(t, err)
	_, err = w.CreateServer(member(t), w.request(t))
	require.NoError(t, err)
	require.NoError(t, w.ClearQuotas(admin(t), "p1"))
	_, err = w.CreateServer(member(t), w.request(t))
	refused(t, errs.Quota, err)
}

func TestKeypairsAreCountedForAUserByTheLimitOfTheProject(t *testing.T) {
	w := newWorld(t)
	_, err := w.SetQuotas(admin(t), "p1", map[quota.Resource]int{"key_pairs": 1}, false)
	require.NoError(t, err)
	_, _, err = w.CreateKeypair(member(t), compute.CreateKeypair{Name: "a", PublicKey: publicKey})
	require.NoError(t, err)
	_, _, err = w.CreateKeypair(member(t), compute.CreateKeypair{Name: "b", PublicKey: publicKey})
	refused(t, errs.Quota, err)
	require.Equal(t, "Quota exceeded, too many key pairs.", errs.Message(err))
	require.NoError(t, w.DeleteKeypair(member(t), "", "a"))
	_, _, err = w.CreateKeypair(member(t), compute.CreateKeypair{Name: "b", PublicKey: publicKey})
	require.NoError(t, err)
}
