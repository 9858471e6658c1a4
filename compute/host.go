package compute

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/compute/schedule"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/store"
)

// Host is a host that servers run on, and its row: what the API shows as a
// compute service, and as a hypervisor.
type Host struct {
	bun.BaseModel  `bun:"table:compute_hosts,alias:host"`
	ID             string           `bun:"id,pk"` // of service and hypervisor
	Version        int64            `bun:"version,notnull"`
	Number         int64            `bun:"number,notnull"` // id of both before 2.53
	Name           string           `bun:"name,notnull"`
	Zone           string           `bun:"zone,notnull"`
	Disabled       bool             `bun:"disabled,notnull"` // takes no new servers
	DisabledReason *string          `bun:"disabled_reason"`
	ForcedDown     bool             `bun:"forced_down,notnull"` // an operator has fenced it
	Answers        bool             `bun:"answers,notnull"`     // it did when it was asked last
	Info           HostInfo         `bun:"info,notnull"`        // as it described itself last
	Used           schedule.Amounts `bun:"embed:used_"`         // by the servers that have their claim here
	Servers        int              `bun:"servers,notnull"`     // that have their claim here
	CreatedAt      time.Time        `bun:"created_at,notnull"`
	UpdatedAt      time.Time        `bun:"updated_at,notnull"` // when an administrator last changed it
	SeenAt         *time.Time       `bun:"seen_at"`            // since when it answers, or when it last did
}

// Up tells whether the host can be worked with: its state in the API.
func (h *Host) Up() bool { return h.Answers && !h.ForcedDown }

// UpdateHost is what an administrator may change of a compute service; nil
// fields stay.
type UpdateHost struct {
	Disabled       *bool
	DisabledReason **string
	ForcedDown     *bool
}

// Zone is an availability zone with its hosts.
type Zone struct {
	Name      string
	Available bool   // some host of it takes servers
	Hosts     []Host // for those who may see them
}

// allHosts gives all hosts by their names.
func allHosts(ctx context.Context, db bun.IDB) (hosts []Host, err error) {
	err = db.NewSelect().Model(&hosts).Order("name").Scan(ctx)
	return hosts, err
}

// hostNamed gives the host of that name.
func hostNamed(ctx context.Context, db bun.IDB, name string) (*Host, error) {
	return hostWhere(ctx, db, "name", name, "Compute host %s could not be found.")
}

// serviceNamed gives the host whose compute service has this id, number or name.
func serviceNamed(ctx context.Context, db bun.IDB, idOrName string) (*Host, error) {
	column := "name"
	if uuid.Validate(idOrName) == nil {
		column = "id"
	} else if _, err := strconv.ParseInt(idOrName, 10, 64); err == nil {
		column = "number"
	}
	return hostWhere(ctx, db, column, idOrName, "Service %s could not be found.")
}

func hostWhere(ctx context.Context, db bun.IDB, column, value, missing string) (*Host, error) {
	h := new(Host)
	err := db.NewSelect().Model(h).Where(column+" = ?", value).Scan(ctx)
	if store.IsNone(err) {
		return nil, errs.NotFoundf(missing, value)
	}
	return h, err
}

// ListComputeServices gives the compute services of all hosts by their names.
func (s *Service) ListComputeServices(ctx context.Context) ([]Host, error) {
	return s.hostsFor(ctx, ActionServiceList)
}

// ListHypervisors gives the hypervisors of all hosts by their names.
func (s *Service) ListHypervisors(ctx context.Context) ([]Host, error) {
	return s.hostsFor(ctx, ActionHypervisorList)
}

func (s *Service) hostsFor(ctx context.Context, action policy.Action) ([]Host, error) {
	if err := s.checkOwn(ctx, action); err != nil {
		return nil, err
	}
	return allHosts(ctx, s.DB.Read())
}

// GetHypervisor gives a hypervisor by its id, or its number.
func (s *Service) GetHypervisor(ctx context.Context, id string) (*Host, error) {
	if err := s.checkOwn(ctx, ActionHypervisorShow); err != nil {
		return nil, err
	}
	column := "id"
	if _, err := strconv.ParseInt(id, 10, 64); err == nil {
		column = "number"
	}
	return hostWhere(ctx, s.DB.Read(), column, id, "Compute host %s could not be found.")
}

// ServersOnHosts gives the servers of each of these hosts, by the host's name:
// what they are called, here and there.
func (s *Service) ServersOnHosts(ctx context.Context, hosts []Host) (map[string][]Server, error) {
	if err := s.checkOwn(ctx, ActionHypervisorServers); err != nil {
		return nil, err
	}
	on := make(map[string][]Server, len(hosts))
	if len(hosts) == 0 {
		return on, nil
	}
	names := make([]string, len(hosts))
	for i := range hosts {
		names[i] = hosts[i].Name
	}
	var list []Server
	err := s.DB.Read().NewSelect().Model(&list).Column("id", "number", "name", "host").Where("host IN (?)", bun.List(names)).Order("created_at", "id").Scan(ctx)
	for _, srv := range list {
		on[srv.Host] = append(on[srv.Host], srv)
	}
	return on, err
}

// HostsOfServers gives the hosts that servers are on, with their states only.
func (s *Service) HostsOfServers(ctx context.Context, list []Server) (hosts []Host, err error) {
	if err := s.checkOwn(ctx, ActionServiceList); err != nil {
		return nil, err
	}
	var names []string
	for i := range list {
		if list[i].Host != "" {
			names = append(names, list[i].Host)
		}
	}
	if len(names) == 0 {
		return nil, nil
	}
	slices.Sort(names)
	err = s.DB.Read().NewSelect().Model(&hosts).Column("name", "disabled", "forced_down", "answers").Where("name IN (?)", bun.List(slices.Compact(names))).Scan(ctx)
	return hosts, err
}

// UpdateComputeService enables, disables or fences the compute service of a
// host, which is named by its id or its name.
func (s *Service) UpdateComputeService(ctx context.Context, idOrName string, in UpdateHost) (h *Host, err error) {
	if err := s.checkOwn(ctx, ActionServiceUpdate); err != nil {
		return nil, err
	}
	err = s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if h, err = serviceNamed(ctx, tx, idOrName); err != nil {
			return err
		}
		set(&h.Disabled, in.Disabled)
		set(&h.DisabledReason, in.DisabledReason)
		set(&h.ForcedDown, in.ForcedDown)
		if !h.Disabled {
			h.DisabledReason = nil
		}
		h.UpdatedAt = s.Clock.Now()
		tx.AfterCommit(func() { s.heard(h.Name, h.Up()) })
		return store.Update(ctx, tx, h, "disabled", "disabled_reason", "forced_down", "updated_at")
	})
	return h, err
}

// heard notes for this process whether a host can be worked with.
func (s *Service) heard(host string, up bool) {
	if up {
		s.down.Delete(host)
	} else {
		s.down.Store(host, true)
		s.calls.cut(host)
	}
	s.places.forget()
}

// ListZones gives the availability zones by their names; detail has their hosts.
func (s *Service) ListZones(ctx context.Context, detail bool) ([]Zone, error) {
	action := ActionZoneList
	if detail {
		action = ActionZoneDetail
	}
	hosts, err := s.hostsFor(ctx, action)
	if err != nil {
		return nil, err
	}
	zones, at := []Zone{}, map[string]int{}
	for _, h := range hosts {
		i, known := at[h.Zone]
		if !known {
			i = len(zones)
			at[h.Zone], zones = i, append(zones, Zone{Name: h.Zone})
		}
		zones[i].Available = zones[i].Available || !h.Disabled && h.Up()
		if detail {
			zones[i].Hosts = append(zones[i].Hosts, h)
		}
	}
	return zones, nil
}

// zoneOf gives the availability zone that a host is configured to be in.
func (s *Service) zoneOf(host string) string { return cmp.Or(s.opts.Zones[host], s.opts.DefaultZone) }
