package soak

import (
	"context"
	"math/rand/v2"
	"time"
)

// disturb makes things go wrong until ctx ends.
func (r *run) disturb(ctx context.Context, rng *rand.Rand) {
	for ctx.Err() == nil {
		switch n := rng.IntN(100); {
		case n < 15:
			r.tell("all is well")
			r.weather.set(climate{})
		case n < 65:
			c := r.foul(rng)
			r.tell("the weather changes: %+v", c)
			r.weather.set(c)
		case n < 80:
			r.crash(rng)
		case n < 90:
			d := time.Duration(rng.Int64N(int64(2*time.Hour))) - 10*time.Minute
			if rng.IntN(2) == 0 {
				d = time.Duration(rng.Int64N(int64(time.Minute))) - 30*time.Second
			}
			r.tell("the clock is set by %s", d)
			r.clock.jump(d)
		default:
			after := rng.IntN(200)
			r.tell("the cloud will be killed after %d seams", after)
			r.kill(after)
		}
		pause(ctx, time.Duration(rng.IntN(20000))*time.Millisecond)
	}
}

// foul gives bad weather.
func (r *run) foul(rng *rand.Rand) climate {
	c := climate{away: map[string]bool{}}
	some := func(n int) int { return rng.IntN(n) * rng.IntN(2) }
	c.lost, c.unanswered, c.twice, c.late = some(200), some(200), some(300), some(200)
	c.lateness = time.Duration(rng.IntN(20)) * time.Second
	c.failing, c.unsure = some(60), some(60)
	c.disk = time.Duration(some(300)) * time.Millisecond
	c.full = rng.IntN(12) == 0
	for _, m := range r.machines {
		if rng.IntN(6) == 0 {
			c.away[m.name] = true
		}
	}
	return c
}

// crash cuts the power of a machine, or has one of its guests die.
func (r *run) crash(rng *rand.Rand) {
	m := pick(rng, r.machines)
	if rng.IntN(2) == 0 {
		r.tell("%s crashes", m.name)
		m.crash()
		return
	}
	if id := pick(rng, m.guests.Leftovers()); id != "" {
		r.tell("guest %s on %s dies", id, m.name)
		m.guests.Crash(id)
	}
}
