package computeapi

import (
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/store"
)

// listed is a parameter that may come several times.
type listed = []string

// serverQuery are the parameters that lists of servers take.
type serverQuery struct {
	paging
	SortKey        listed `json:"sort_key"`
	SortDir        listed `json:"sort_dir"`
	AllTenants     listed `json:"all_tenants"`
	Deleted        listed `json:"deleted"`
	SoftDeleted    listed `json:"soft_deleted"`
	ChangesSince   listed `json:"changes-since"`
	ChangesBefore  listed `json:"changes-before" since:"2.66"`
	Status         listed `json:"status"`
	IP             listed `json:"ip"`
	IP6            listed `json:"ip6"`
	Tags           listed `json:"tags" since:"2.26"`
	TagsAny        listed `json:"tags-any" since:"2.26"`
	NotTags        listed `json:"not-tags" since:"2.26"`
	NotTagsAny     listed `json:"not-tags-any" since:"2.26"`
	Locked         listed `json:"locked" since:"2.73"`
	ProjectID      listed `json:"project_id"`
	TenantID       listed `json:"tenant_id"`
	UserID         listed `json:"user_id"`
	UUID           listed `json:"uuid"`
	Name           listed `json:"name"`
	DisplayName    listed `json:"display_name"`
	Description    listed `json:"description"`
	DisplayDesc    listed `json:"display_description"`
	Hostname       listed `json:"hostname"`
	Image          listed `json:"image"`
	ImageRef       listed `json:"image_ref"`
	Flavor         listed `json:"flavor"`
	KeyName        listed `json:"key_name"`
	Host           listed `json:"host"`
	Node           listed `json:"node"`
	Zone           listed `json:"availability_zone"`
	ReservationID  listed `json:"reservation_id"`
	LaunchIndex    listed `json:"launch_index"`
	VMState        listed `json:"vm_state"`
	TaskState      listed `json:"task_state"`
	PowerState     listed `json:"power_state"`
	Progress       listed `json:"progress"`
	ConfigDrive    listed `json:"config_drive"`
	AutoDiskConfig listed `json:"auto_disk_config"`
	RootDevice     listed `json:"root_device_name"`
	AccessIPv4     listed `json:"access_ip_v4"`
	AccessIPv6     listed `json:"access_ip_v6"`
	CreatedAt      listed `json:"created_at"`
	LaunchedAt     listed `json:"launched_at"`
	TerminatedAt   listed `json:"terminated_at"`
	KernelID       listed `json:"kernel_id"`
	RamdiskID      listed `json:"ramdisk_id"`
	LockedBy       listed `json:"locked_by"`
}

// What may be asked for by parameters that are filters: by everybody, since
// which microversion; all others are for administrators only, and otherwise
// left out.
var openFilters = map[string]httpapi.Version{
	"reservation_id": {}, "name": {}, "image": {}, "flavor": {},
	"tags": httpapi.V("2.26"), "tags-any": httpapi.V("2.26"), "not-tags": httpapi.V("2.26"), "not-tags-any": httpapi.V("2.26"),
	"locked": httpapi.V("2.73"), "availability_zone": httpapi.V("2.83"), "config_drive": httpapi.V("2.83"), "key_name": httpapi.V("2.83"),
	"created_at": httpapi.V("2.83"), "launched_at": httpapi.V("2.83"), "terminated_at": httpapi.V("2.83"), "power_state": httpapi.V("2.83"),
	"task_state": httpapi.V("2.83"), "vm_state": httpapi.V("2.83"), "progress": httpapi.V("2.83"), "user_id": httpapi.V("2.83"), "hostname": httpapi.V("2.90"),
}

// matched are the filters whose value is a regular expression.
var matched = []string{"name", "display_name", "description", "display_description", "hostname", "key_name", "availability_zone", "root_device_name"}

// closedFilters are those beside the open ones.
var closedFilters = []string{"uuid", "display_name", "description", "display_description", "image_ref", "host", "node", "launch_index", "auto_disk_config",
	"root_device_name", "access_ip_v4", "access_ip_v6"}

// joined are parameters that name what belongs to a server and is no filter.
var joined = []string{"block_device_mapping", "services", "metadata", "system_metadata", "info_cache", "security_groups", "pci_devices"}

// serverSearch is what a list asks for.
type serverSearch struct {
	of   compute.ServersOf
	q    store.Query
	ip   *regexp.Regexp // of an IPv4 address, nil for any
	ip6  *regexp.Regexp
	none bool // nothing can match
}

// readSearch reads the parameters of a list.
func (h handler) readSearch(r *httpapi.Request) (in *serverSearch, err error) {
	p := r.Params()
	for name := range p {
		if slices.Contains(joined, name) || strings.HasPrefix(name, "_") {
			return nil, errs.Invalidf("Invalid filter field: %.64s.", name)
		}
	}
	in = new(serverSearch)
	if in.q, err = r.List("-"); err != nil { // no filters: they are read one by one
		return nil, err
	}
	all := h.compute.Allows(r.Ctx(), compute.ActionServerAllFilters, "")
	for _, read := range []func() error{
		func() error { return in.sorts(r, all) },
		func() error { return in.scope(p, all) },
		func() error { return in.status(r) },
		func() error { return in.changes(r, all) },
		func() error { return in.addresses(r, all) },
		func() error { return in.filters(r, all) },
	} {
		if err := read(); err != nil {
			return nil, err
		}
	}
	return in, nil
}

// scope reads whose servers are asked for.
func (in *serverSearch) scope(p url.Values, all bool) error {
	if p.Has("all_tenants") {
		everyone := true
		if text := p.Get("all_tenants"); text != "" {
			is, err := truth(text)
			if err != nil {
				return errs.Invalidf("Unrecognized value '%.64s', acceptable values are: '0', '1', 'f', 'false', 'n', 'no', 'off', 'on', 't', 'true', 'y', 'yes'", text)
			}
			everyone = bool(is)
		}
		in.of.AllProjects = everyone
	}
	if in.of.AllProjects && all {
		in.of.ProjectID = cmp.Or(p.Get("tenant_id"), p.Get("project_id"))
	}
	if all {
		is, err := truth(p.Get("deleted"))
		in.of.Deleted = err == nil && bool(is)
	}
	return nil
}

// knownStatuses are all that Nova has, and ours among them.
var knownStatuses = []string{"ACTIVE", "BUILD", "DELETED", "ERROR", "HARD_REBOOT", "MIGRATING", "PASSWORD", "PAUSED", "REBOOT", "REBUILD", "RESCUE", "RESIZE",
	"REVERT_RESIZE", "SHELVED", "SHELVED_OFFLOADED", "SHUTOFF", "SOFT_DELETED", "SUSPENDED", "UNKNOWN", "VERIFY_RESIZE"}

func (in *serverSearch) status(r *httpapi.Request) error {
	var values []string
	for _, s := range r.Params()["status"] {
		if s = strings.ToUpper(s); slices.Contains(knownStatuses, s) {
			values = append(values, s)
		}
	}
	switch {
	case !r.Params().Has("status"):
		return nil
	case values == nil && r.Version.AtLeast(httpapi.V("2.38")):
		return errs.Invalidf("Invalid status value")
	case values == nil:
		in.none = true
	case len(values) == 1 && values[0] == "DELETED":
		in.of.Deleted = true // refused to those who may not
		return nil
	}
	in.q.Filters = append(in.q.Filters, store.Filter{Field: "status", Values: values})
	return nil
}

// changes reads changes-since and changes-before. They also show what was
// deleted, unless an administrator says otherwise.
func (in *serverSearch) changes(r *httpapi.Request, all bool) error {
	filters, err := changes(r)
	in.of.Known = len(filters) > 0 && !in.of.Deleted && !(all && r.Params().Has("deleted"))
	in.q.Filters = append(in.q.Filters, filters...)
	return err
}

func (in *serverSearch) addresses(r *httpapi.Request, all bool) (err error) {
	if in.ip, err = expression(r.Params(), "ip"); err != nil {
		return err
	}
	if all || r.Version.AtLeast(httpapi.V("2.5")) {
		in.ip6, err = expression(r.Params(), "ip6")
	}
	return err
}

// expression reads a parameter that is a regular expression, nil without it.
func expression(p url.Values, name string) (*regexp.Regexp, error) {
	text := p.Get(name)
	if text == "" {
		return nil, nil
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, errs.Invalidf("Invalid input for query parameters %s. Value: %.255[2]s. '%.255[2]s' is not a 'regex'", name, text)
	}
	return re, nil
}

// filters reads all other filters.
func (in *serverSearch) filters(r *httpapi.Request, all bool) error {
	for name, since := range openFilters {
		if all || r.Version.AtLeast(since) {
			if err := in.filter(r.Params(), name); err != nil {
				return err
			}
		}
	}
	if !all {
		return nil
	}
	for _, name := range closedFilters {
		if err := in.filter(r.Params(), name); err != nil {
			return err
		}
	}
	return nil
}

func (in *serverSearch) filter(p url.Values, name string) error {
	if !p.Has(name) {
		return nil
	}
	f := store.Filter{Field: name, Values: p[name][:1]}
	switch {
	case slices.Contains(matched, name):
		if _, err := expression(p, name); err != nil {
			return err
		}
		f.Op = store.Regexp
	case name == "locked", name == "config_drive":
		is, err := truth(p.Get(name))
		if err != nil && name == "locked" {
			return errs.Invalidf("Invalid filter field: locked.")
		}
		f.Values = []string{"false"}
		if bool(is) {
			f.Values = []string{"true"}
		}
	case name == "auto_disk_config":
		f.Values = []string{diskConfigOf(p.Get(name))}
	}
	in.q.Filters = append(in.q.Filters, f)
	return nil
}

func diskConfigOf(text string) string {
	if is, _ := truth(text); is || text == "AUTO" {
		return "AUTO"
	}
	return "MANUAL"
}

// What servers can be sorted by, and what is left out of sorts, until 2.75
// silently.
var (
	sortKeys = []string{"access_ip_v4", "access_ip_v6", "auto_disk_config", "availability_zone", "config_drive", "created_at", "display_description", "display_name",
		"host", "hostname", "image_ref", "instance_type_id", "key_name", "launch_index", "launched_at", "node", "power_state", "progress", "project_id",
		"root_device_name", "task_state", "terminated_at", "updated_at", "user_id", "uuid", "vm_state"}
	emptySortKeys   = []string{"kernel_id", "ramdisk_id", "locked_by"} // the same for all servers, or secret
	ignoredSortKeys = []string{"architecture", "cell_name", "cleaned", "default_ephemeral_device", "default_swap_device", "deleted", "deleted_at", "disable_terminate",
		"ephemeral_gb", "ephemeral_key_uuid", "id", "key_data", "launched_on", "locked", "memory_mb", "os_type", "reservation_id", "root_gb", "shutdown_terminate",
		"user_data", "vcpus", "vm_mode"}
)

func (in *serverSearch) sorts(r *httpapi.Request, all bool) error {
	asked := in.q.Sorts
	in.q.Sorts = nil
	if dir := r.Params().Get("sort_dir"); dir != "" && len(asked) == 0 {
		asked = []store.Sort{{Field: "created_at", Desc: dir != "asc"}}
	}
	for _, s := range asked {
		key := s.Field
		switch {
		case (key == "host" || key == "node") && !all:
			return errs.Forbiddenf("Only administrators can sort servers by %s", key)
		case slices.Contains(sortKeys, key), key == "locked" && r.Version.AtLeast(httpapi.V("2.73")):
			in.q.Sorts = append(in.q.Sorts, s)
		case slices.Contains(emptySortKeys, key), slices.Contains(ignoredSortKeys, key) && !r.Version.AtLeast(httpapi.V("2.75")):
		default:
			return errs.Invalidf("Invalid input for query parameters sort_key. Value: %.64[1]s. '%.64[1]s' is not one of ['%[2]s']", key, strings.Join(sortKeys, "', '"))
		}
	}
	return nil
}

// findServers gives a page of servers. Addresses are the network's, so a
// search for them goes through all servers that match otherwise.
func (h handler) findServers(r *httpapi.Request) (servers []compute.Server, links []link, err error) {
	in, err := h.readSearch(r)
	if err != nil || in.none || in.q.Limit == 0 && r.Params().Get("limit") != "" {
		return nil, nil, err
	}
	most := in.q.Limit
	if in.ip != nil || in.ip6 != nil {
		in.q.Limit = 0
	}
	for more := true; more; {
		var page []compute.Server
		if page, more, err = h.compute.ListServers(r.Ctx(), in.of, in.q); err != nil {
			return nil, nil, err
		}
		in.q.Marker = last(page, func(s *compute.Server) string { return s.ID })
		if in.ip == nil && in.ip6 == nil {
			return page, next(r, more, in.q.Marker), nil
		}
		if page, err = h.withAddress(r, page, in); err != nil {
			return nil, nil, err
		}
		servers = append(servers, page...)
		if most > 0 && len(servers) > most {
			return servers[:most], next(r, true, servers[most-1].ID), nil
		}
	}
	return servers, nil, nil
}

// withAddress keeps the servers that have an address like the one asked for.
func (h handler) withAddress(r *httpapi.Request, page []compute.Server, in *serverSearch) ([]compute.Server, error) {
	attachments, err := h.compute.Addresses(r.Ctx(), page)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(page, func(s compute.Server) bool {
		for _, list := range addresses(attachments[s.ID]) {
			for _, a := range list {
				if a.Version == 4 && in.ip != nil && in.ip.MatchString(a.Addr) || a.Version == 6 && in.ip6 != nil && in.ip6.MatchString(a.Addr) {
					return false
				}
			}
		}
		return true
	}), nil
}

func (h handler) listServers(r *httpapi.Request) (any, error) {
	servers, links, err := h.findServers(r)
	if err != nil {
		return nil, err
	}
	out := make([]serverBrief, len(servers))
	for n := range servers {
		out[n] = h.briefServer(&servers[n])
	}
	return serverList{out, links}, nil
}

func (h handler) detailServers(r *httpapi.Request) (any, error) {
	servers, links, err := h.findServers(r)
	if err != nil {
		return nil, err
	}
	v, err := h.viewOf(r, servers)
	if err != nil {
		return nil, err
	}
	out := make([]any, len(servers))
	for n := range servers {
		out[n] = v.full(&servers[n])
	}
	return serverList{out, links}, nil
}
