package auth_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/auth"
)

func TestHasRoleFoldIgnoresCaseButNotWhoIsAService(t *testing.T) {
	user := auth.Authenticated(auth.Claims{Roles: []auth.Ref{{Name: "Member"}, {Name: "Service"}}})
	require.True(t, user.HasRoleFold("mEMBER"))
	require.False(t, user.HasRoleFold("admin"))
	require.False(t, user.HasRoleFold("SERVICE"), "a role of that name given to a user is not it")
	require.True(t, auth.From(auth.AsService(context.Background(), "compute")).HasRoleFold("SERVICE"))
	require.False(t, auth.Grant{}.HasRoleFold("service"))
}
