package lease

import (
	"context"
	"time"

	"github.com/cumulite/cumulite/platform/store"
)

// Member is a living process of a team.
type Member struct {
	Holder string // its name
	Data   string // what it told the others with Join
}

const (
	joinSQL = `INSERT INTO lease_members (team, holder, data, expires_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (team, holder) DO UPDATE SET data = excluded.data, expires_at = excluded.expires_at`
	leaveSQL   = `DELETE FROM lease_members WHERE team = ? AND (holder = ? OR expires_at <= ?)`
	membersSQL = `SELECT holder, data FROM lease_members WHERE team = ? AND expires_at > ? ORDER BY holder`
)

// Join makes this holder a member of the team, with data for the others to
// read, until ctx is done; then it leaves.
func (l *Leases) Join(ctx context.Context, team, data string) error {
	for ctx.Err() == nil {
		now, wait := l.clk.Now(), l.ttl/3
		if err := l.exec(ctx, joinSQL, team, l.holder, data, now.Add(l.ttl).UnixMicro()); err != nil && ctx.Err() == nil {
			l.log.Warn("the place in a team cannot be kept", "team", team, "error", err)
			wait = l.ttl / 20
		}
		l.sleep(ctx, now.Add(wait))
	}
	long := l.clk.Now().Add(-10 * l.ttl) // whoever died then is swept out along with us
	if err := l.exec(context.WithoutCancel(ctx), leaveSQL, team, l.holder, long.UnixMicro()); err != nil {
		l.log.Warn("the team could not be left", "team", team, "error", err)
	}
	return ctx.Err()
}

// Members gives the living members of a team, sorted by name.
func (l *Leases) Members(ctx context.Context, team string) (members []Member, err error) {
	rows, err := l.db.Query(ctx, membersSQL, team, l.clk.Now().UnixMicro())
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var m Member
		if err := rows.Scan(&m.Holder, &m.Data); err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	return members, rows.Err()
}

func (l *Leases) exec(ctx context.Context, statement string, args ...any) error {
	return l.db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, statement, args...)
		return err
	})
}

// TTL is how long a holder or member that shows no sign of life keeps its place.
func (l *Leases) TTL() time.Duration { return l.ttl }
