package computeapi

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
)

func (h handler) hypervisorRoutes() []httpapi.Route {
	const list, one = "/os-hypervisors", "/os-hypervisors/{hypervisor_id}"
	return []httpapi.Route{
		{Method: "GET", Pattern: list, Action: compute.ActionHypervisorList, Query: hypervisorQuery{}, Response: hypervisorList{}, Handle: h.listHypervisors},
		{Method: "GET", Pattern: list + "/detail", Action: compute.ActionHypervisorDetail, Query: hypervisorQuery{}, Response: hypervisorDetails{}, Handle: h.detailHypervisors},
		{Method: "GET", Pattern: list + "/statistics", Action: compute.ActionHypervisorStatistics, Until: httpapi.V("2.87"), Response: statisticsBody{}, Handle: h.statistics},
		{Method: "GET", Pattern: one, Action: compute.ActionHypervisorShow, Query: hypervisorShowQuery{}, Response: hypervisorBody{hypervisorShape{}}, Handle: h.showHypervisor},
		{Method: "GET", Pattern: one + "/uptime", Action: compute.ActionHypervisorUptime, Until: httpapi.V("2.87"), Handle: h.hypervisorUptime},
		{Method: "GET", Pattern: one + "/search", Action: compute.ActionHypervisorSearch, Until: httpapi.V("2.52"), Response: hypervisorList{}, Handle: h.searchHypervisors},
		{Method: "GET", Pattern: one + "/servers", Action: compute.ActionHypervisorServers, Until: httpapi.V("2.52"), Response: hypervisorList{}, Handle: h.serversOfHypervisors},
	}
}

type hypervisorQuery struct {
	Limit       *integer `json:"limit" since:"2.33" api:"min=0"`
	Marker      string   `json:"marker" since:"2.33"`
	Pattern     string   `json:"hypervisor_hostname_pattern" since:"2.53"`
	WithServers boolean  `json:"with_servers" since:"2.53"`
}

type hypervisorShowQuery struct {
	WithServers boolean `json:"with_servers" since:"2.53"`
}

type hypervisorBrief struct {
	ID      any            `json:"id"` // the host's number, later its id
	Name    string         `json:"hypervisor_hostname"`
	State   string         `json:"state"`
	Status  string         `json:"status"`
	Servers *[]placedBrief `json:"servers,omitzero"`
}

// placedBrief is a server on a hypervisor.
type placedBrief struct {
	Name string `json:"name"`
	UUID string `json:"uuid"`
}

type hypervisorShape struct {
	hypervisorBrief
	Type    string  `json:"hypervisor_type"`
	Version int     `json:"hypervisor_version"`
	Address string  `json:"host_ip"`
	Service hostOf  `json:"service"`
	CPUInfo any     `json:"cpu_info" until:"2.87"` // text before 2.28
	Uptime  *string `json:"uptime" since:"2.88"`
	amounts
}

type hostOf struct {
	ID             any     `json:"id"`
	Host           string  `json:"host"`
	DisabledReason *string `json:"disabled_reason"`
}

// amounts are what a hypervisor has, and all of them together.
type amounts struct {
	VCPUs           int `json:"vcpus" until:"2.87"`
	Memory          int `json:"memory_mb" until:"2.87"`
	Disk            int `json:"local_gb" until:"2.87"`
	VCPUsUsed       int `json:"vcpus_used" until:"2.87"`
	MemoryUsed      int `json:"memory_mb_used" until:"2.87"`
	DiskUsed        int `json:"local_gb_used" until:"2.87"`
	MemoryFree      int `json:"free_ram_mb" until:"2.87"`
	DiskFree        int `json:"free_disk_gb" until:"2.87"`
	CurrentWorkload int `json:"current_workload" until:"2.87"` // always 0, as in later Novas
	Servers         int `json:"running_vms" until:"2.87"`
	DiskAvailable   int `json:"disk_available_least" until:"2.87"`
}

func (a *amounts) add(b amounts) {
	a.VCPUs, a.Memory, a.Disk = a.VCPUs+b.VCPUs, a.Memory+b.Memory, a.Disk+b.Disk
	a.VCPUsUsed, a.MemoryUsed, a.DiskUsed = a.VCPUsUsed+b.VCPUsUsed, a.MemoryUsed+b.MemoryUsed, a.DiskUsed+b.DiskUsed
	a.MemoryFree, a.DiskFree, a.Servers, a.DiskAvailable = a.MemoryFree+b.MemoryFree, a.DiskFree+b.DiskFree, a.Servers+b.Servers, a.DiskAvailable+b.DiskAvailable
}

type cpuInfo struct {
	Arch     string   `json:"arch"`
	Model    string   `json:"model"`
	Vendor   string   `json:"vendor"`
	Features []string `json:"features"`
	Topology struct {
		Sockets int `json:"sockets"`
		Cores   int `json:"cores"`
		Threads int `json:"threads"`
	} `json:"topology"`
}

type hypervisorBody struct {
	Hypervisor any `json:"hypervisor"`
}

type hypervisorList struct {
	Hypervisors []hypervisorBrief `json:"hypervisors"`
	Links       []link            `json:"hypervisors_links,omitempty" since:"2.33"`
}

type hypervisorDetails struct {
	Hypervisors []hypervisorShape `json:"hypervisors"`
	Links       []link            `json:"hypervisors_links,omitempty" since:"2.33"`
}

type statisticsBody struct {
	Statistics struct {
		Count int `json:"count"`
		amounts
	} `json:"hypervisor_statistics"`
}

// hypervisorView shows hypervisors; servers by host is nil when they are not asked for.
type hypervisorView struct {
	r       *httpapi.Request
	servers map[string][]compute.Server
}

func (v hypervisorView) brief(host *compute.Host) hypervisorBrief {
	out := hypervisorBrief{ID: hostRef(v.r, host), Name: host.Name, State: word(host.Up(), "up", "down"), Status: word(host.Disabled, "disabled", "enabled")}
	if on := v.servers[host.Name]; on != nil || v.servers != nil && v.r.Version.AtLeast(httpapi.V("2.75")) {
		list := make([]placedBrief, len(on))
		for n := range on {
			list[n] = placedBrief{on[n].Name, on[n].ID}
		}
		out.Servers = &list
	}
	return out
}

func (v hypervisorView) full(host *compute.Host) hypervisorShape {
	return hypervisorShape{hypervisorBrief: v.brief(host), Type: host.Info.Type, Version: host.Info.Version, Address: host.Info.Address,
		Service: hostOf{hostRef(v.r, host), host.Name, host.DisabledReason}, CPUInfo: v.cpu(host), amounts: amountsOf(host)}
}

// cpu shows the processor: before 2.28 as text.
func (v hypervisorView) cpu(host *compute.Host) any {
	info := cpuInfo{Arch: host.Info.Arch, Model: host.Info.CPUModel}
	info.Topology.Sockets, info.Topology.Cores, info.Topology.Threads = 1, host.Info.VCPUs, 1
	if v.r.Version.AtLeast(httpapi.V("2.28")) {
		return info
	}
	return text(info)
}

func amountsOf(host *compute.Host) amounts {
	a := amounts{VCPUs: host.Info.VCPUs, Memory: host.Info.MemoryMiB, Disk: host.Info.DiskGiB, Servers: host.Servers,
		VCPUsUsed: host.Used.VCPUs, MemoryUsed: host.Used.MemoryMiB, DiskUsed: host.Used.DiskGiB}
	a.MemoryFree, a.DiskFree = a.Memory-a.MemoryUsed, a.Disk-a.DiskUsed
	a.DiskAvailable = a.DiskFree
	return a
}

// findHypervisors gives the page of hypervisors that a request asks for.
func (h handler) findHypervisors(r *httpapi.Request) (hosts []compute.Host, v hypervisorView, links []link, err error) {
	v.r = r
	in, err := httpapi.Query[hypervisorQuery](r)
	if err != nil {
		return nil, v, nil, err
	}
	if hosts, err = h.compute.ListHypervisors(r.Ctx()); err != nil {
		return nil, v, nil, err
	}
	if in.Pattern != "" {
		if in.Limit != nil || in.Marker != "" {
			return nil, v, nil, errs.Invalidf("Paging over hypervisors with the hypervisor_hostname_pattern query parameter is not supported.")
		}
		if hosts, err = matching(hosts, in.Pattern); err != nil {
			return nil, v, nil, err
		}
	}
	if hosts, links, err = pageOf(r, hosts, in); err != nil {
		return nil, v, nil, err
	}
	if in.WithServers {
		v.servers, err = h.compute.ServersOnHosts(r.Ctx(), hosts)
	}
	return hosts, v, links, err
}

// pageOf cuts a page out of all hypervisors: there are few, and they are in memory.
func pageOf(r *httpapi.Request, hosts []compute.Host, in *hypervisorQuery) ([]compute.Host, []link, error) {
	if in.Marker != "" {
		n := 0
		for n < len(hosts) && fmt.Sprint(hostRef(r, &hosts[n])) != in.Marker {
			n++
		}
		if n == len(hosts) {
			return nil, nil, errs.Invalidf("marker [%.64s] not found", in.Marker)
		}
		hosts = hosts[n+1:]
	}
	limit := int(deref(in.Limit))
	if limit == 0 || limit >= len(hosts) {
		return hosts, nil, nil
	}
	hosts = hosts[:limit]
	return hosts, next(r, true, fmt.Sprint(hostRef(r, &hosts[limit-1]))), nil
}

func matching(hosts []compute.Host, pattern string) (out []compute.Host, err error) {
	for n := range hosts {
		if strings.Contains(hosts[n].Name, pattern) {
			out = append(out, hosts[n])
		}
	}
	if out == nil {
		return nil, errs.NotFoundf("No hypervisor matching '%.255s' could be found.", pattern)
	}
	return out, nil
}

func (v hypervisorView) list(hosts []compute.Host, links []link) hypervisorList {
	out := hypervisorList{Hypervisors: make([]hypervisorBrief, len(hosts)), Links: links}
	for n := range hosts {
		out.Hypervisors[n] = v.brief(&hosts[n])
	}
	return out
}

func (h handler) listHypervisors(r *httpapi.Request) (any, error) {
	hosts, v, links, err := h.findHypervisors(r)
	return v.list(hosts, links), err
}

func (h handler) detailHypervisors(r *httpapi.Request) (any, error) {
	hosts, v, links, err := h.findHypervisors(r)
	out := hypervisorDetails{Hypervisors: make([]hypervisorShape, len(hosts)), Links: links}
	for n := range hosts {
		out.Hypervisors[n] = v.full(&hosts[n])
	}
	return out, err
}

// hypervisor gives the one that a path names: by number before 2.53, then by id.
func (h handler) hypervisor(r *httpapi.Request) (*compute.Host, error) {
	id := r.PathValue("hypervisor_id")
	if _, err := uuid.Parse(id); r.Version.AtLeast(httpapi.V("2.53")) && err != nil {
		return nil, errs.Invalidf("Invalid uuid %.255s", id)
	}
	missing := errs.NotFoundf("Hypervisor with ID '%.255s' could not be found.", id)
	if _, err := strconv.Atoi(id); !r.Version.AtLeast(httpapi.V("2.53")) && err != nil {
		return nil, missing
	}
	host, err := h.compute.GetHypervisor(r.Ctx(), id)
	if errs.Is(err, errs.NotFound) {
		return nil, missing
	}
	return host, err
}

func (h handler) showHypervisor(r *httpapi.Request) (any, error) {
	in, err := httpapi.Query[hypervisorShowQuery](r)
	if err != nil {
		return nil, err
	}
	host, err := h.hypervisor(r)
	if err != nil {
		return nil, err
	}
	v := hypervisorView{r: r}
	if in.WithServers {
		if v.servers, err = h.compute.ServersOnHosts(r.Ctx(), []compute.Host{*host}); err != nil {
			return nil, err
		}
	}
	return hypervisorBody{v.full(host)}, nil
}

// hypervisorUptime answers as Nova does for hosts that do not tell how long
// they are up; clients know it and go on.
func (h handler) hypervisorUptime(r *httpapi.Request) (any, error) {
	if _, err := h.hypervisor(r); err != nil {
		return nil, err
	}
	r.Status(http.StatusNotImplemented)
	return map[string]any{"notImplemented": map[string]any{"code": http.StatusNotImplemented, "message": "The requested functionality is not supported."}}, nil
}

func (h handler) statistics(r *httpapi.Request) (any, error) {
	hosts, err := h.compute.ListHypervisors(r.Ctx())
	var out statisticsBody
	for n := range hosts {
		if !hosts[n].Disabled {
			out.Statistics.Count++
			out.Statistics.add(amountsOf(&hosts[n]))
		}
	}
	return out, err
}

func (h handler) searchHypervisors(r *httpapi.Request) (any, error) {
	return h.search(r, false)
}

func (h handler) serversOfHypervisors(r *httpapi.Request) (any, error) {
	return h.search(r, true)
}

func (h handler) search(r *httpapi.Request, servers bool) (any, error) {
	hosts, err := h.compute.ListHypervisors(r.Ctx())
	if err != nil {
		return nil, err
	}
	if hosts, err = matching(hosts, r.PathValue("hypervisor_id")); err != nil {
		return nil, err
	}
	v := hypervisorView{r: r}
	if servers {
		v.servers, err = h.compute.ServersOnHosts(r.Ctx(), hosts)
	}
	return v.list(hosts, nil), err
}
