package kill

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/image/imagetest"
	"github.com/cumulite/cumulite/test/pgtest"
)

// onDatabase is a cloud of cumulited on PostgreSQL, with hosts of their own:
// all are processes of this machine.
type onDatabase struct {
	t         *testing.T
	dir       string
	hosts     string // where cumulited listens for them
	database  *pgtest.Server
	cumulited *process
	agents    []*process // of host-0 and so on
	url       string
	what      string        // is to be killed
	done      chan struct{} // closed when it is
}

const (
	killHostagent  = "hostagent"
	killPostgreSQL = "PostgreSQL"
)

// TestCloudsOnPostgreSQLSurvive kills cumulited, hostagents and PostgreSQL.
func TestCloudsOnPostgreSQLSurvive(t *testing.T) {
	if *shared == 0 {
		t.Skip("no rounds on PostgreSQL are wanted: -shared says how many")
	}
	v := &onDatabase{t: t, dir: t.TempDir(), database: pgtest.Start(t), agents: make([]*process, 2),
		hosts: fmt.Sprintf("127.%d.%d.2:9292", 1+rand.IntN(250), 1+rand.IntN(250))} // an address that no one else has
	build(t, v.dir, "cumulited", "hostagent")
	t.Cleanup(v.end)
	v.begin()
	hard := slices.DeleteFunc(slices.Clone(deeds), func(d deed) bool { return d.name == "soft reboot" })
	play(t, v, nil, hard, imagetest.Disk(1<<14), "raw", *shared, 60)
}

// build compiles daemons into a directory.
func build(t *testing.T, dir string, names ...string) {
	for _, name := range names {
		out, err := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(dir, name), "../../daemons/"+name).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
}

func (o *onDatabase) run(program string, args ...string) *process {
	return run(o.t, (*exec.Cmd).Start, []string{"CUMULITE_ADMIN_PASSWORD=" + password}, filepath.Join(o.dir, program), args...)
}

func (o *onDatabase) control(word string) *process {
	return o.run("cumulited", word, "--state-dir", filepath.Join(o.dir, "state"), "--listen", "127.0.0.1:0", "--operator", "none",
		"--hypervisor", "none", "--network", "none", "--hosts-listen", o.hosts,
		"--database", o.database.URL("postgres"), "--keys", filepath.Join(o.dir, "keys"), "--images", filepath.Join(o.dir, "images"))
}

func (o *onDatabase) host(i int) (name, dir string) {
	name = fmt.Sprintf("host-%d", i)
	return name, filepath.Join(o.dir, name)
}

// begin starts cumulited and has the hosts join.
func (o *onDatabase) begin() {
	o.startCumulited()
	for i := range o.agents {
		name, dir := o.host(i)
		token := o.run("cumulited", "host-token", "--state-dir", filepath.Join(o.dir, "keys"), "--name", name).line()
		join := o.run("hostagent", "join", "--state-dir", dir, strings.TrimSpace(token))
		<-join.dead
		require.True(o.t, join.cmd.ProcessState.Success(), "%s", &join.log)
	}
}

func (o *onDatabase) startCumulited() {
	o.cumulited = o.control("run")
	line := o.cumulited.line()
	found := ready.FindStringSubmatch(line)
	require.NotNil(o.t, found, "%s %s", line, &o.cumulited.log)
	o.url = found[1]
}

func (o *onDatabase) start() string {
	if o.what == killPostgreSQL {
		o.database.Restart(o.t)
		require.False(o.t, o.cumulited.isDead(), "cumulited outlives its database: %s", &o.cumulited.log)
	}
	if o.cumulited.isDead() {
		o.startCumulited()
	}
	for i, agent := range o.agents {
		if agent != nil && !agent.isDead() {
			continue
		}
		name, dir := o.host(i)
		o.agents[i] = o.run("hostagent", "--state-dir", dir, "--hypervisor", "sim", "--network", "sim", "--operator", "none")
		require.Equal(o.t, "ready: host "+name, o.agents[i].line(), "%s", &o.agents[i].log)
	}
	return o.url
}

func (o *onDatabase) arm(n int) string {
	o.what, o.done = []string{killCumulited, killHostagent, killPostgreSQL}[n%3], make(chan struct{})
	time.AfterFunc(time.Duration(n)*2*time.Millisecond, func() {
		defer close(o.done)
		switch o.what {
		case killCumulited:
			o.cumulited.kill()
		case killHostagent:
			o.agents[n/3%len(o.agents)].kill()
		case killPostgreSQL:
			o.database.Kill(o.t)
		}
	})
	o.t.Logf("%s is to die after %d ms", o.what, 2*n)
	return o.what
}

func (o *onDatabase) strike() { <-o.done }

func (o *onDatabase) doctor() []string { return diagnosis(o.control("doctor")) }

func (o *onDatabase) end() {
	for _, p := range append(slices.Clone(o.agents), o.cumulited) {
		if p == nil {
			continue
		}
		p.kill()
		if o.t.Failed() {
			o.t.Logf("the log of %v:\n%s", p.cmd.Args, &p.log)
		}
	}
}
