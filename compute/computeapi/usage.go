package computeapi

import (
	"time"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/store"
)

func (h handler) usageRoutes() []httpapi.Route {
	return []httpapi.Route{
		{Method: "GET", Pattern: "/os-simple-tenant-usage", Action: compute.ActionUsageList, Query: usageQuery{}, Response: usageList{}, Handle: h.listUsage},
		{Method: "GET", Pattern: "/os-simple-tenant-usage/{project_id}", Action: compute.ActionUsageShow, Query: usageQuery{}, Response: usageBody{}, Handle: h.showUsage},
	}
}

type usageQuery struct {
	Start    string   `json:"start"`
	End      string   `json:"end"`
	Detailed string   `json:"detailed"` // "1" lists the servers
	Limit    *integer `json:"limit" since:"2.40" api:"min=0"`
	Marker   string   `json:"marker" since:"2.40"`
}

type usageList struct {
	Usages []*usageShape `json:"tenant_usages"`
	Links  []link        `json:"tenant_usages_links,omitempty" since:"2.40"`
}

type usageBody struct {
	Usage any    `json:"tenant_usage"` // an empty object when there is none
	Links []link `json:"tenant_usage_links,omitempty" since:"2.40"`
}

// usageShape is what a project used, in hours times what servers took.
type usageShape struct {
	ProjectID string         `json:"tenant_id"`
	Start     string         `json:"start"`
	Stop      string         `json:"stop"`
	Hours     float64        `json:"total_hours"`
	VCPUs     float64        `json:"total_vcpus_usage"`
	Memory    float64        `json:"total_memory_mb_usage"`
	Disk      float64        `json:"total_local_gb_usage"`
	Servers   *[]serverUsage `json:"server_usages,omitzero"`
}

type serverUsage struct {
	ServerID  string  `json:"instance_id"`
	Name      string  `json:"name"`
	ProjectID string  `json:"tenant_id"`
	Flavor    string  `json:"flavor"`
	Hours     float64 `json:"hours"`
	VCPUs     int     `json:"vcpus"`
	Memory    int     `json:"memory_mb"`
	Disk      int     `json:"local_gb"`
	State     string  `json:"state"`
	Uptime    int64   `json:"uptime"`
	StartedAt string  `json:"started_at"`
	EndedAt   *string `json:"ended_at"`
}

// period is the time that a request asks about.
type period struct{ start, end, now time.Time }

func (h handler) period(in *usageQuery) (p period, err error) {
	p.now = h.clock.Now()
	if p.start, err = usageTime(in.Start, p.now); err != nil {
		return p, err
	}
	if p.end, err = usageTime(in.End, p.now); err != nil {
		return p, err
	}
	if !p.start.Before(p.end) {
		return p, errs.Invalidf("Invalid start time. The start time cannot occur after the end time.")
	}
	if p.end.After(p.now) {
		p.end = p.now
	}
	return p, nil
}

func usageTime(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return now, nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05.999999", "2006-01-02 15:04:05.999999"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return now, errs.Invalidf("Invalid datetime string: Datetime is in invalid format")
}

// add counts a server that is of the project.
func (u *usageShape) add(s *compute.ServerUsage, p period) {
	hours := s.Hours(p.start, p.end)
	u.Hours += hours
	u.VCPUs += hours * float64(s.VCPUs)
	u.Memory += hours * float64(s.MemoryMiB)
	u.Disk += hours * float64(s.DiskGiB+s.EphemeralGiB)
	if u.Servers == nil {
		return
	}
	one := serverUsage{ServerID: s.ServerID, Name: s.Name, ProjectID: s.ProjectID, Flavor: s.FlavorName, Hours: hours, VCPUs: s.VCPUs, Memory: s.MemoryMiB,
		Disk: s.DiskGiB + s.EphemeralGiB, State: string(s.VM), Uptime: int64(s.Uptime(p.now).Seconds()), StartedAt: naive(s.StartedAt), EndedAt: naiveRef(s.EndedAt)}
	if s.EndedAt != nil {
		one.State = "terminated"
	}
	*u.Servers = append(*u.Servers, one)
}

// sumUp gives what each project used; the servers stand project by project.
func sumUp(servers []compute.ServerUsage, p period, detailed bool) []*usageShape {
	var out []*usageShape
	for n := range servers {
		if len(out) == 0 || out[len(out)-1].ProjectID != servers[n].ProjectID {
			u := &usageShape{ProjectID: servers[n].ProjectID, Start: naive(p.start), Stop: naive(p.end)}
			if detailed {
				u.Servers = &[]serverUsage{}
			}
			out = append(out, u)
		}
		out[len(out)-1].add(&servers[n], p)
	}
	return out
}

func lastUsage(servers []compute.ServerUsage) string {
	return last(servers, func(u *compute.ServerUsage) string { return u.ServerID })
}

func (h handler) listUsage(r *httpapi.Request) (any, error) {
	in, p, err := h.readUsage(r)
	if err != nil {
		return nil, err
	}
	servers, more, err := h.compute.ListUsage(r.Ctx(), p.start, p.end, store.Query{Limit: int(deref(in.Limit)), Marker: in.Marker})
	if err != nil {
		return nil, err
	}
	return usageList{Usages: sumUp(servers, p, in.Detailed == "1"), Links: next(r, more, lastUsage(servers))}, nil
}

func (h handler) showUsage(r *httpapi.Request) (any, error) {
	in, p, err := h.readUsage(r)
	if err != nil {
		return nil, err
	}
	servers, more, err := h.compute.ProjectUsage(r.Ctx(), r.PathValue("project_id"), p.start, p.end, store.Query{Limit: int(deref(in.Limit)), Marker: in.Marker})
	if err != nil {
		return nil, err
	}
	out := usageBody{Usage: struct{}{}, Links: next(r, more, lastUsage(servers))}
	if sums := sumUp(servers, p, true); len(sums) > 0 {
		out.Usage = sums[0]
	}
	return out, nil
}

func (h handler) readUsage(r *httpapi.Request) (*usageQuery, period, error) {
	in, err := httpapi.Query[usageQuery](r)
	if err != nil {
		return nil, period{}, err
	}
	p, err := h.period(in)
	return in, p, err
}
