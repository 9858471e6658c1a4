package compute

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/store"
)

// servers says what servers can be filtered and sorted by, by Nova's names.
var servers = store.Listing[Server]{
	Default: []store.Sort{{Field: "created_at", Desc: true}},
	Columns: map[string]store.Column{
		"id": {Name: "id"}, "uuid": {Name: "id"}, "name": {Name: "name"}, "display_name": {Name: "name"}, "display_description": {Name: "description"},
		"description": {Name: "description"}, "hostname": {Name: "hostname"}, "project_id": {Name: "project_id"}, "tenant_id": {Name: "project_id"},
		"user_id": {Name: "user_id"}, "reservation_id": {Name: "reservation_id"}, "launch_index": {Name: "launch_index", Kind: store.Int},
		"vm_state": {Name: "vm_state"}, "task_state": {Name: "task_state"}, "power_state": {Name: "power_state", Kind: store.Int},
		"status": {Filter: withStatus}, "progress": {Name: "progress", Kind: store.Int}, "locked": {Name: "locked", Kind: store.Bool},
		"image": {Name: "image_id"}, "image_ref": {Name: "image_id"}, "flavor": {Name: "flavor_id"}, "instance_type_id": {Name: "flavor_id"},
		"key_name": {Name: "key_name"}, "config_drive": {Name: "config_drive", Kind: store.Bool}, "auto_disk_config": {Name: "disk_config"},
		"root_device_name": {Name: "root_device"}, "access_ip_v4": {Name: "access_ipv4"}, "access_ip_v6": {Name: "access_ipv6"},
		"availability_zone": {Name: "zone"}, "host": {Name: "host"}, "node": {Name: "host"}, "hypervisor_hostname": {Name: "host"},
		"created_at": {Name: "created_at", Kind: store.Time}, "updated_at": {Name: "updated_at", Kind: store.Time},
		"launched_at": {Name: "launched_at", Kind: store.Time}, "terminated_at": {Name: "terminated_at", Kind: store.Time},
		"metadata": {Filter: withMetadata},
		"tags":     {Filter: tagged(true, true)}, "tags-any": {Filter: tagged(true, false)},
		"not-tags": {Filter: tagged(false, true)}, "not-tags-any": {Filter: tagged(false, false)},
	},
}

// unlisted are the columns that lists leave out: only the hosts need them, and
// they take as long to read as all others.
var unlisted = []string{"image", "image_properties", "interfaces", "public_key"}

// ListServers gives a page of servers with their tags, in a constant number of
// queries. Their Image, ImageProperties, Interfaces and PublicKey are left out.
func (s *Service) ListServers(ctx context.Context, of ServersOf, q store.Query) (list []Server, more bool, err error) {
	scope, err := s.serversOf(ctx, of)
	if err != nil {
		return nil, false, err
	}
	list, more, err = servers.Find(ctx, s.DB.Read(), q, scope)
	if err != nil {
		return nil, false, err
	}
	return list, more, loadServerTags(ctx, s.DB.Read(), list)
}

// serversOf gives the scope of a list, when the caller may have it.
func (s *Service) serversOf(ctx context.Context, of ServersOf) (store.Scope, error) {
	project := auth.From(ctx).ProjectID()
	if err := s.policy.Check(ctx, ActionServerIndex, policy.Target{"project_id": project}); err != nil {
		return nil, err
	}
	if of.AllProjects {
		if err := s.checkOwn(ctx, ActionServerIndexAll); err != nil {
			return nil, err
		}
	}
	if of.Deleted && !s.isAdmin(ctx) {
		return nil, errs.Forbiddenf("Only administrators may list deleted instances")
	}
	return func(q *bun.SelectQuery) *bun.SelectQuery {
		q = q.ExcludeColumn(unlisted...)
		switch {
		case of.Known:
			q = q.ModelTableExpr("compute_known_servers AS server")
		case of.Deleted:
			q = q.ModelTableExpr("compute_deleted_servers AS server")
		}
		switch {
		case of.AllProjects && of.ProjectID == "":
			return q
		case of.AllProjects:
			return q.Where("server.project_id = ?", of.ProjectID)
		}
		return q.Where("server.project_id = ?", project)
	}, nil
}

// statuses says what each status of the API is made of.
var statuses = map[string]State{
	"BUILD": {VM: VMBuilding}, "ACTIVE": {VM: VMActive}, "PAUSED": {VM: VMPaused}, "SUSPENDED": {VM: VMSuspended}, "SHUTOFF": {VM: VMStopped},
	"ERROR": {VM: VMError}, "DELETED": {VM: VMDeleted}, "REBOOT": {VM: VMActive, Task: TaskReboot}, "HARD_REBOOT": {VM: VMActive, Task: TaskHardReboot},
	"REBUILD": {Task: TaskRebuilding},
}

// withStatus keeps the servers that have one of the statuses. ACTIVE ones may
// be doing anything that Nova calls active, too.
func withStatus(q *bun.SelectQuery, f store.Filter) (*bun.SelectQuery, error) {
	if f.Op != store.Eq {
		return nil, errs.Invalidf("Status can only be compared for equality.")
	}
	q = q.Where("1 = 0")
	for _, name := range f.Values {
		st, known := statuses[strings.ToUpper(name)]
		switch {
		case !known: // no server has it
		case st.VM == "":
			q = q.WhereOr("server.task_state IN (?, ?) AND server.vm_state NOT IN (?)", TaskRebuilding, TaskRebuildSpawn, bun.List([]VMState{VMBuilding, VMPaused, VMSuspended}))
		case st.Task != "":
			q = q.WhereOr("server.vm_state = ? AND server.task_state = ?", st.VM, st.Task)
		default:
			q = q.WhereOr("server.vm_state = ? AND server.task_state NOT IN (?)", st.VM, bun.List(hiding(st.VM)))
		}
	}
	return q, nil
}

// hiding are the tasks that give a server in a state another status than the state's own.
func hiding(vm VMState) []TaskState {
	var tasks []TaskState
	for _, task := range []TaskState{TaskReboot, TaskHardReboot, TaskRebuilding, TaskRebuildSpawn} {
		if (State{VM: vm, Task: task}).Status() != (State{VM: vm}).Status() {
			tasks = append(tasks, task)
		}
	}
	return append(tasks, "-") // IN () is not SQL
}

// withMetadata keeps the servers that have each of the items "key=value".
// Items are looked for in the column's JSON, where keys are plain names, so
// that what stands behind "{" or "," and before ":" is a key.
func withMetadata(q *bun.SelectQuery, f store.Filter) (*bun.SelectQuery, error) {
	for _, item := range f.Values {
		key, value, ok := strings.Cut(item, "=")
		if f.Op != store.Eq || !ok {
			return nil, errs.Invalidf("Metadata can only be compared for equality.")
		}
		text := likeEscaper.Replace(asJSON(key) + ":" + asJSON(value))
		q = q.Where(`(server.metadata LIKE ? ESCAPE '\' OR server.metadata LIKE ? ESCAPE '\')`, "{"+text+"%", "%,"+text+"%")
	}
	return q, nil
}

var likeEscaper = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// tagged keeps the servers that have, or have not, all or any of the tags,
// which come separated by commas.
func tagged(has, all bool) func(*bun.SelectQuery, store.Filter) (*bun.SelectQuery, error) {
	return func(q *bun.SelectQuery, f store.Filter) (*bun.SelectQuery, error) {
		if f.Op != store.Eq {
			return nil, errs.Invalidf("Tags can only be compared for equality.")
		}
		tags := slices.Compact(slices.Sorted(slices.Values(strings.Split(strings.Join(f.Values, ","), ","))))
		need := 1
		if all {
			need = len(tags)
		}
		compare := ">="
		if !has {
			compare = "<"
		}
		return q.Where("(SELECT COUNT(*) FROM compute_server_tags AS t WHERE t.server_id = server.id AND t.tag IN (?)) ? ?",
			bun.List(tags), bun.Safe(compare), bun.Safe(strconv.Itoa(need))), nil
	}
}
