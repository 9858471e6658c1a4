package computeapi

import (
	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/httpapi"
)

func (h handler) zoneRoutes() []httpapi.Route {
	return []httpapi.Route{
		{Method: "GET", Pattern: "/os-availability-zone", Action: compute.ActionZoneList, Response: zoneList{}, Handle: h.listZones},
		{Method: "GET", Pattern: "/os-availability-zone/detail", Action: compute.ActionZoneDetail, Response: zoneList{}, Handle: h.detailZones},
	}
}

type zoneShape struct {
	Name  string `json:"zoneName"`
	State struct {
		Available bool `json:"available"`
	} `json:"zoneState"`
	Hosts *map[string]map[string]zoneHost `json:"hosts"` // by host, then by service; null without details
}

type zoneHost struct {
	Active    bool    `json:"active"`
	Available bool    `json:"available"`
	UpdatedAt *string `json:"updated_at"`
}

type zoneList struct {
	Zones []zoneShape `json:"availabilityZoneInfo"`
}

func (h handler) listZones(r *httpapi.Request) (any, error) { return h.zones(r, false) }

func (h handler) detailZones(r *httpapi.Request) (any, error) { return h.zones(r, true) }

func (h handler) zones(r *httpapi.Request, detail bool) (any, error) {
	zones, err := h.compute.ListZones(r.Ctx(), detail)
	if err != nil {
		return nil, err
	}
	out := zoneList{Zones: make([]zoneShape, len(zones))}
	for n, z := range zones {
		out.Zones[n].Name = z.Name
		out.Zones[n].State.Available = z.Available
		if detail {
			out.Zones[n].Hosts = hostsOf(&z)
		}
	}
	return out, nil
}

func hostsOf(z *compute.Zone) *map[string]map[string]zoneHost {
	hosts := make(map[string]map[string]zoneHost, len(z.Hosts))
	for n := range z.Hosts {
		host := &z.Hosts[n]
		hosts[host.Name] = map[string]zoneHost{binary: {Active: !host.Disabled, Available: host.Up(), UpdatedAt: naiveRef(host.SeenAt)}}
	}
	return &hosts
}
