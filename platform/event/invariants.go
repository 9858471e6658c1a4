package event

import (
	"context"
	"time"

	"github.com/cumulite/cumulite/platform/doctor"
)

// behindAfter is how long an event may wait for a subscriber: longer than the
// pause between the last attempts to tell it.
const behindAfter = 15 * time.Minute

// Invariants say what always holds of events while a bus runs.
func (b *Bus) Invariants() []doctor.Invariant {
	return []doctor.Invariant{{Name: "event.delivery", Promise: "Subscribers are told of events soon.", Busy: true, Check: b.behind}}
}

func (b *Bus) behind(ctx context.Context) (found []doctor.Finding, err error) {
	late, err := doctor.Rows{DB: b.db, Noun: "subscriber", Args: []any{b.clk.Now().Add(-behindAfter)}, Find: `
		SELECT name AS id, 'events wait for it since long: the log says on what its handler fails' AS says FROM event_cursors AS c
		WHERE EXISTS (SELECT 1 FROM event_events AS e WHERE e.seq > c.seq AND e.at < ?)`}.Check(ctx)
	for _, f := range late {
		for _, s := range b.subs { // cursors of subscribers that are no more are left alone
			if f.Object == "subscriber "+s.name {
				found = append(found, f)
			}
		}
	}
	return found, err
}
