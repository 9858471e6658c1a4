package network

import (
	"context"
	"strings"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// Router connects networks, and its row. Its status is always ACTIVE. It is on
// one host.
type Router struct {
	bun.BaseModel `bun:"table:network_routers,alias:router"`
	Standard
	AdminStateUp     bool      `bun:"admin_state_up,notnull"`
	Host             string    `bun:"host_id,notnull"`            // that it is on
	GatewayNetworkID string    `bun:"gateway_network_id,notnull"` // an external network; "" without a gateway
	GatewayPortID    string    `bun:"gateway_port_id,notnull"`    // "" without a gateway
	EnableSNAT       bool      `bun:"enable_snat,notnull"`        // what leaves by the gateway has its address
	Routes           []Route   `bun:"routes,notnull"`
	ZoneHints        []string  `bun:"zone_hints,notnull"` // availability_zone_hints
	GatewayAddresses []Address `bun:"-"`                  // external_fixed_ips
}

// CreateRouter is what a user may say of a new router.
type CreateRouter struct {
	ProjectID    string // "" is the caller's; another needs an administrator
	Name         string
	Description  string
	AdminStateUp *bool    // nil is true
	Gateway      *Gateway // external_gateway_info; nil is none
	ZoneHints    []string
}

// UpdateRouter is what a user may change; nil leaves a field as it is.
type UpdateRouter struct {
	Name, Description *string
	AdminStateUp      *bool
	Gateway           *Gateway // one without a network takes the gateway away
	Routes            *[]Route
}

var routers = kind[Router, *Router]{
	noun: "Router", name: "router", missing: "Router %s could not be found",
	listing: store.Listing[Router]{Columns: with(columns("admin_state_up:bool", "enable_snat:bool"), map[string]store.Column{
		"status": {Filter: alwaysActive},
	})},
	visible: own,
	load:    loadGateways,
}

// loadGateways fills in the addresses of gateways with one query.
func loadGateways(ctx context.Context, db bun.IDB, rows []Router) error {
	at := map[string]*Router{}
	var ids []string
	for i := range rows {
		rows[i].GatewayAddresses = []Address{}
		if rows[i].GatewayPortID != "" {
			at[rows[i].GatewayPortID], ids = &rows[i], append(ids, rows[i].GatewayPortID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	legs := make([]Port, len(ids))
	for i, id := range ids {
		legs[i].ID = id
	}
	if err := loadAddresses(ctx, db, legs); err != nil {
		return err
	}
	for _, p := range legs {
		at[p.ID].GatewayAddresses = append(at[p.ID].GatewayAddresses, p.Addresses...)
	}
	return nil
}

// CreateRouter makes a router, with a gateway when one is named.
func (s *Service) CreateRouter(ctx context.Context, in CreateRouter) (*Router, error) {
	return createOne(ctx, s, in, s.createRouter)
}

// CreateRouters makes routers, all of them or none.
func (s *Service) CreateRouters(ctx context.Context, in []CreateRouter) ([]Router, error) {
	return createAll(ctx, s, in, s.createRouter)
}

func (s *Service) createRouter(ctx context.Context, tx *store.Tx, in *CreateRouter) (*Router, error) {
	project, err := owner(ctx, in.ProjectID)
	if err != nil {
		return nil, err
	}
	host, err := s.routerHost(ctx, tx)
	if err != nil {
		return nil, err
	}
	r := &Router{
		Standard:     Standard{ProjectID: project, Name: in.Name, Description: in.Description},
		AdminStateUp: or(in.AdminStateUp, true), Host: host, EnableSNAT: true, Routes: []Route{}, ZoneHints: orEmpty(in.ZoneHints), GatewayAddresses: []Address{},
	}
	if err := routers.mayCreate(ctx, s, r, in.Gateway.fields()...); err != nil {
		return nil, err
	}
	if err := routers.insert(ctx, s, tx, r); err != nil {
		return nil, err
	}
	if in.Gateway != nil {
		if err := s.setGateway(ctx, tx, r, *in.Gateway); err != nil {
			return nil, err
		}
	}
	return r, s.touch(ctx, tx, objRouter, r.ID)
}

// GetRouter gives a router that the caller may see.
func (s *Service) GetRouter(ctx context.Context, id string) (*Router, error) {
	return routers.find(ctx, s, s.DB.Read(), id)
}

// ListRouters gives a page of the routers that the caller sees.
func (s *Service) ListRouters(ctx context.Context, q store.Query) (rows []Router, more bool, err error) {
	return routers.list(ctx, s, q)
}

// UpdateRouter changes a router, on its host too.
func (s *Service) UpdateRouter(ctx context.Context, id string, in UpdateRouter) (*Router, error) {
	return s.changeRouter(ctx, id, func(ctx context.Context, tx *store.Tx) (*Router, error) {
		r, err := routers.findFor(ctx, s, tx, "update", id, in.Gateway.fields()...)
		if err != nil {
			return nil, err
		}
		set(&r.Name, in.Name)
		set(&r.Description, in.Description)
		set(&r.AdminStateUp, in.AdminStateUp)
		if in.Routes != nil {
			if err := s.setRoutes(ctx, tx, r, *in.Routes); err != nil {
				return nil, err
			}
		}
		if in.Gateway != nil {
			if err := s.setGateway(ctx, tx, r, *in.Gateway); err != nil {
				return nil, err
			}
		}
		return r, nil
	})
}

// changeRouter has a router changed, writes its own columns, and tells its host.
func (s *Service) changeRouter(ctx context.Context, id string, change func(ctx context.Context, tx *store.Tx) (*Router, error)) (r *Router, err error) {
	err = s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if r, err = change(ctx, tx); err != nil {
			return err
		}
		if err := routers.update(ctx, s, tx, r, "name", "description", "admin_state_up", "routes"); err != nil {
			return err
		}
		return s.touch(ctx, tx, objRouter, id)
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// DeleteRouter removes a router with its gateway: errs.Conflict while it has interfaces.
func (s *Service) DeleteRouter(ctx context.Context, id string) error {
	return s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		r, err := routers.findFor(ctx, s, tx, "delete", id)
		if err != nil {
			return err
		}
		legs, err := interfacesOf(ctx, tx, id)
		if err != nil {
			return err
		}
		if len(legs) > 0 {
			ids := make([]string, len(legs))
			for i := range legs {
				ids[i] = legs[i].ID
			}
			return errs.Conflictf("Router %s has ports still attached: %s", id, strings.Join(ids, ", ")).WithCode("RouterInUse")
		}
		if err := s.dropGateway(ctx, tx, r); err != nil {
			return err
		}
		if err := routers.remove(ctx, s, tx, r); err != nil {
			return err
		}
		return s.touch(ctx, tx, objRouter, id)
	})
}

// routerPorts gives a router's ports, whoever asks: its interfaces and its gateway.
func routerPorts(ctx context.Context, db bun.IDB, id string) ([]Port, error) {
	var all []Port
	err := db.NewSelect().Model(&all).Where("device_id = ? AND device_owner IN (?, ?)", id, OwnerInterface, OwnerGateway).Order("created_at", "id").Scan(ctx)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, nil
	}
	return all, ports.fill(ctx, db, all)
}

// interfacesOf gives the ports by which a router is on networks of projects.
func interfacesOf(ctx context.Context, db bun.IDB, id string) (legs []Port, err error) {
	all, err := routerPorts(ctx, db, id)
	for _, p := range all {
		if p.DeviceOwner == OwnerInterface {
			legs = append(legs, p)
		}
	}
	return legs, err
}

// badRequest is Neutron's BadRequest of a resource.
func badRequest(resource, format string, args ...any) error {
	return errs.Invalidf("Bad "+resource+" request: "+format+".", args...).WithCode("BadRequest")
}
