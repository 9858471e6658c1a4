package network

import (
	"context"
	"math/big"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/store"
)

// IPAvailability says how many addresses of a network there are to give out,
// and how many ports have.
type IPAvailability struct {
	NetworkID, NetworkName, ProjectID string
	Total                             *big.Int
	Used                              int64
	Subnets                           []SubnetAvailability
}

// SubnetAvailability is that of one subnet.
type SubnetAvailability struct {
	SubnetID, SubnetName, CIDR string
	IPVersion                  int
	Total                      *big.Int
	Used                       int64
}

// ListIPAvailability gives a page of the networks' availability. The filters are those of networks.
func (s *Service) ListIPAvailability(ctx context.Context, q store.Query) (all []IPAvailability, more bool, err error) {
	if !s.policy.Allows(ctx, ActionGetIPAvailability, nil) {
		return nil, false, nil
	}
	page, more, err := networks.list(ctx, s, q)
	if err != nil || len(page) == 0 {
		return nil, more, err
	}
	var ids []string
	for _, n := range page {
		ids = append(ids, n.ID)
	}
	by, err := s.subnetAvailability(ctx, ids)
	if err != nil {
		return nil, false, err
	}
	for _, n := range page {
		a := IPAvailability{NetworkID: n.ID, NetworkName: n.Name, ProjectID: n.ProjectID, Total: new(big.Int), Subnets: by[n.ID]}
		for _, sub := range a.Subnets {
			a.Total.Add(a.Total, sub.Total)
			a.Used += sub.Used
		}
		all = append(all, a)
	}
	return all, more, nil
}

// subnetAvailability gives that of the subnets of networks.
func (s *Service) subnetAvailability(ctx context.Context, networkIDs []string) (map[string][]SubnetAvailability, error) {
	db := s.DB.Read()
	var all []Subnet
	if err := db.NewSelect().Model(&all).Where("network_id IN (?)", bun.List(networkIDs)).Order("created_at", "id").Scan(ctx); err != nil {
		return nil, err
	}
	var counts []struct {
		SubnetID string
		N        int64
	}
	err := db.NewSelect().TableExpr("network_allocations AS a").ColumnExpr("a.subnet_id, COUNT(*) AS n").
		Join("JOIN network_subnets AS s ON s.id = a.subnet_id").Where("s.network_id IN (?)", bun.List(networkIDs)).Group("a.subnet_id").Scan(ctx, &counts)
	if err != nil {
		return nil, err
	}
	used := map[string]int64{}
	for _, c := range counts {
		used[c.SubnetID] = c.N
	}
	by := map[string][]SubnetAvailability{}
	for _, sub := range all {
		a := SubnetAvailability{SubnetID: sub.ID, SubnetName: sub.Name, CIDR: sub.CIDR.String(), IPVersion: sub.IPVersion, Total: new(big.Int), Used: used[sub.ID]}
		for _, p := range sub.Pools {
			a.Total.Add(a.Total, p.size())
		}
		by[sub.NetworkID] = append(by[sub.NetworkID], a)
	}
	return by, nil
}
