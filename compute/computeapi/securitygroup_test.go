package computeapi_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/network"
)

func TestGroupsAreFoundWhereOldClientsLookThemUp(t *testing.T) {
	w := newWorld(t)
	g, err := w.network.CreateSecurityGroup(as(t, "member"), network.CreateSecurityGroup{Name: "web", Description: "d"})
	require.NoError(t, err)
	port := 80
	_, err = w.network.CreateSecurityGroupRule(as(t, "member"), network.CreateSecurityGroupRule{GroupID: g.ID, Direction: network.Ingress, Protocol: "tcp", PortMin: &port, PortMax: &port})
	require.NoError(t, err)

	r := w.client(t, "reader", "2.35").get("/os-security-groups/" + g.ID)
	require.Equal(t, 200, r.Status)
	var one struct {
		Group struct {
			ID, Name, Description string
			Rules                 []map[string]any
		} `json:"security_group"`
	}
	r.JSON(&one)
	require.Equal(t, []string{g.ID, "web", "d"}, []string{one.Group.ID, one.Group.Name, one.Group.Description})
	require.Len(t, one.Group.Rules, 1, "what it lets in")
	delete(one.Group.Rules[0], "id")
	require.Equal(t, map[string]any{"parent_group_id": g.ID, "ip_protocol": "tcp", "from_port": 80.0, "to_port": 80.0, "group": map[string]any{}, "ip_range": map[string]any{"cidr": "0.0.0.0/0"}}, one.Group.Rules[0])

	r = w.client(t, "reader", "").get("/os-security-groups")
	var all struct {
		Groups []struct{ Name string } `json:"security_groups"`
	}
	r.JSON(&all)
	require.Len(t, all.Groups, 2)

	require.Equal(t, 404, w.client(t, "reader", "").get("/os-security-groups/web").Status)
	require.Equal(t, 404, w.client(t, "other", "").get("/os-security-groups/"+g.ID).Status)
	require.Equal(t, 404, w.client(t, "reader", "2.36").get("/os-security-groups").Status)
}
