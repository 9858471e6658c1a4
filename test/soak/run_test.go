package soak

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/store/sqlite"
)

// run is one program played from one seed.
type run struct {
	t     *testing.T
	ctx   context.Context
	rng   *rand.Rand
	epoch int
	world
	*site
	*process
	clients []*client // the administrator is the first
	admin   *client
	db      *sql.DB // to look into

	mu    sync.Mutex
	began time.Time
	story strings.Builder
	tale  tally
}

// tell writes what happened into the run's story.
func (r *run) tell(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(&r.story, "%9.3f "+format+"\n", append([]any{time.Since(r.began).Seconds()}, args...)...)
}

// Write implements io.Writer, for the cloud's log.
func (r *run) Write(b []byte) (int, error) {
	r.tell("    %s", strings.TrimSpace(string(b)))
	return len(b), nil
}

// tally counts the answers to requests: acknowledged, refused, cut off.
type tally map[string][3]int

func (r *run) tally(method, path string, a answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	what := method + " " + noun(path)
	n := r.tale[what]
	switch {
	case a.acked():
		n[0]++
	case a.refused():
		n[1]++
	default:
		n[2]++
	}
	r.tale[what] = n
}

// noun gives a path without ids.
func noun(path string) string {
	parts := strings.Split(strings.Split(path, "?")[0], "/")
	return strings.Join(slices.DeleteFunc(parts[min(3, len(parts)):], func(s string) bool { return strings.ContainsAny(s, "0123456789") }), "/")
}

func (t tally) add(more tally) {
	for what, n := range more {
		sum := t[what]
		for i := range n {
			sum[i] += n[i]
		}
		t[what] = sum
	}
}

// String gives a table.
func (t tally) String() string {
	var b strings.Builder
	for _, what := range slices.Sorted(maps.Keys(t)) {
		fmt.Fprintf(&b, "%-44s %6d done %6d refused %6d cut\n", what, t[what][0], t[what][1], t[what][2])
	}
	return b.String()
}

func newRun(t *testing.T, seed uint64, dir string, w world) *run {
	rng := rand.New(rand.NewPCG(seed, 0))
	r := &run{t: t, ctx: context.Background(), rng: rng, world: w, began: time.Now(), tale: tally{}}
	r.site = newSite(dir, newWeather(seed), rng, r)
	for _, name := range append([]string{"admin"}, tenants[:1+rng.IntN(len(tenants))]...) {
		r.clients = append(r.clients, &client{run: r, name: name, rng: rand.New(rand.NewPCG(seed, uint64(len(r.clients)+1))), cut: map[string]bool{}})
	}
	r.admin = r.clients[0]
	for _, t := range w.things {
		r.admin.things = append(r.admin.things, &thing{kind: t.kind, id: t.id, fate: unsure, want: object{}})
	}
	return r
}

// play plays the whole program.
func (r *run) play() {
	r.open()
	defer func() { require.NoError(r.t, r.stop()) }()
	engine, err := sqlite.Open(filepath.Join(r.dir, "state.db"), nil)
	require.NoError(r.t, err)
	defer engine.Close()
	r.db = engine.Reader()
	for r.epoch = range 1 + r.rng.IntN(4) {
		r.live()
		r.change()
	}
	r.rest()
	r.verify()
}

// open starts the cloud, again and again while the disk is bad.
func (r *run) open() {
	p, err := r.site.open()
	for tries := 1; err != nil; tries++ {
		r.tell("the cloud does not start: %v", err)
		require.Less(r.t, tries, 50, "%v", err)
		if tries > 20 {
			r.weather.set(climate{})
		}
		time.Sleep(time.Second)
		p, err = r.site.open()
	}
	r.tell("the cloud is open")
	r.process = p
	for _, c := range r.clients {
		c.handler = p.Handler()
	}
}

// live has everybody do what they do for a while.
func (r *run) live() {
	ctx, cancel := context.WithCancel(r.ctx)
	var working, disturbing sync.WaitGroup
	for _, c := range r.clients {
		n := 5 + c.rng.IntN(30)
		working.Go(func() { c.work(n) })
	}
	rng := rand.New(rand.NewPCG(r.rng.Uint64(), 0))
	disturbing.Go(func() { r.disturb(ctx, rng) })
	working.Wait()
	cancel()
	disturbing.Wait()
}

// work does some moves, as long as the cloud lives.
func (c *client) work(n int) {
	moves := tenantMoves
	if c == c.admin {
		moves, n = adminMoves, n/4
	}
	if c.token == "" && !c.login() {
		return
	}
	for range n {
		if c.isDead() {
			return
		}
		c.step(moves)
		time.Sleep(time.Duration(c.rng.IntN(3000)) * time.Millisecond)
	}
}

// change ends the cloud's process, in order or not, and starts another one, or
// lets it be.
func (r *run) change() {
	switch n := r.rng.IntN(10); {
	case n < 6 || r.isDead():
		r.tell("the cloud is killed")
		r.kill(0)
		r.pass()
	case n < 8:
		r.tell("the cloud is ended in order")
	default:
		return
	}
	require.NoError(r.t, r.stop())
	time.Sleep(time.Duration(r.rng.IntN(120)) * time.Second)
	if r.rng.IntN(3) == 0 {
		r.crash(r.rng)
	}
	r.open()
}

// rest ends all that is wrong, and waits until the cloud has come to rest.
func (r *run) rest() {
	r.weather.set(climate{})
	r.spare()
	if r.isDead() {
		require.NoError(r.t, r.stop())
		r.open()
	}
	r.tell("all is well again")
	r.settle()
	time.Sleep(6 * time.Minute) // hosts are compared with what they should have
	r.settle()
	r.tell("the cloud is at rest")
}

const patience = 3 * time.Hour // the last attempts of a minute each, and the deadlines of operations

// settle waits until no operation is left.
func (r *run) settle() {
	for began := time.Now(); time.Since(began) < patience; time.Sleep(time.Second) {
		if r.count("SELECT count(*) FROM flow_operations") == 0 {
			return
		}
	}
	r.t.Fatalf("operations do not end: %v", r.rows("SELECT kind, key, step, undoing, attempt, failure FROM flow_operations"))
}

func (r *run) count(query string) (n int) {
	require.NoError(r.t, r.db.QueryRowContext(r.ctx, query).Scan(&n), query)
	return n
}

// rows gives what a query finds, as text.
func (r *run) rows(query string) (found []string) {
	rows, err := r.db.QueryContext(r.ctx, query)
	require.NoError(r.t, err, query)
	defer rows.Close()
	columns, err := rows.Columns()
	require.NoError(r.t, err)
	values, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		require.NoError(r.t, rows.Scan(into...))
		found = append(found, fmt.Sprint(values...))
	}
	require.NoError(r.t, rows.Err())
	return found
}

// verify holds the cloud to its promises.
func (r *run) verify() {
	report, err := r.Doctor(r.ctx, false)
	require.NoError(r.t, err)
	for _, result := range report.Results {
		require.Empty(r.t, result.Findings, "%s: %s", result.Name, result.Promise)
	}
	r.verifyHosts()
	for _, c := range r.clients {
		c.verify()
	}
}

// hostOf gives the machine that a guest is on.
func (r *run) hostOf(id string) *machine {
	for _, m := range r.machines {
		if slices.Contains(m.guests.Leftovers(), id) {
			return m
		}
	}
	return nil
}

// verifyHosts sees that hosts have what they should have, once, and nothing else.
func (r *run) verifyHosts() {
	servers := map[string]string{}
	for _, row := range r.rows("SELECT id || ' ' || host FROM compute_servers WHERE host <> ''") {
		id, host, _ := strings.Cut(row, " ")
		servers[id] = host
	}
	for _, m := range r.machines {
		for _, id := range m.guests.Leftovers() {
			require.Equal(r.t, m.name, servers[id], "guest %s is on %s", id, m.name)
		}
	}
}
