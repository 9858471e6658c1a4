package compute

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/store"
)

// ServerUsage is what a server that is or was took, from when it first ran
// until it was deleted.
type ServerUsage struct {
	bun.BaseModel `bun:"table:compute_known_servers,alias:server"`
	ServerID      string     `bun:"id,pk"`
	Name          string     `bun:"name,notnull"`
	ProjectID     string     `bun:"project_id,notnull"`
	VM            VMState    `bun:"vm_state,notnull"`
	FlavorName    string     `bun:"flavor_name,notnull"`
	VCPUs         int        `bun:"flavor_vcpus,notnull"`
	MemoryMiB     int        `bun:"flavor_memory_mib,notnull"`
	DiskGiB       int        `bun:"flavor_disk_gib,notnull"`
	EphemeralGiB  int        `bun:"flavor_ephemeral_gib,notnull"`
	StartedAt     time.Time  `bun:"launched_at"`
	EndedAt       *time.Time `bun:"terminated_at"`
}

// Hours gives how long the server was there between two times.
func (u *ServerUsage) Hours(start, end time.Time) float64 {
	if u.StartedAt.After(start) {
		start = u.StartedAt
	}
	if u.EndedAt != nil && u.EndedAt.Before(end) {
		end = *u.EndedAt
	}
	return max(end.Sub(start).Hours(), 0)
}

// Uptime gives how long the server was there altogether.
func (u *ServerUsage) Uptime(now time.Time) time.Duration {
	if u.EndedAt != nil {
		now = *u.EndedAt
	}
	return now.Sub(u.StartedAt)
}

// usages are listed project by project.
var usages = store.Listing[ServerUsage]{Default: []store.Sort{{Field: "project_id"}}, Columns: map[string]store.Column{"project_id": {Name: "project_id"}}}

// ListUsage gives a page of the servers of all projects that were there
// between two times, project by project.
func (s *Service) ListUsage(ctx context.Context, start, end time.Time, q store.Query) (list []ServerUsage, more bool, err error) {
	if err := s.policy.Check(ctx, ActionUsageList, nil); err != nil {
		return nil, false, err
	}
	return usages.Find(ctx, s.DB.Read(), q, between(start, end))
}

// ProjectUsage gives a page of the servers of one project that were there
// between two times.
func (s *Service) ProjectUsage(ctx context.Context, projectID string, start, end time.Time, q store.Query) (list []ServerUsage, more bool, err error) {
	if err := s.policy.Check(ctx, ActionUsageShow, policy.Target{"project_id": projectID}); err != nil {
		return nil, false, err
	}
	window := between(start, end)
	return usages.Find(ctx, s.DB.Read(), q, func(q *bun.SelectQuery) *bun.SelectQuery { return window(q).Where("server.project_id = ?", projectID) })
}

func between(start, end time.Time) store.Scope {
	return func(q *bun.SelectQuery) *bun.SelectQuery {
		return q.Where("server.launched_at < ? AND (server.terminated_at IS NULL OR server.terminated_at > ?)", end, start)
	}
}
