package kill

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// victim is a cloud whose processes are killed. Its state outlives them.
type victim interface {
	// start has the cloud answer again, and says where.
	start() (url string)
	// arm has something of it be killed soon, at a moment that n decides on,
	// and says what.
	arm(n int) (what string)
	// strike waits until that has happened, and sees to it that it does.
	strike()
	// doctor says what does not hold.
	doctor() []string
	// end stops all that is left.
	end()
}

// process is one that was started here.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Scanner
	log  strings.Builder
	dead chan struct{}
}

// run runs a program; start starts its command, somewhere.
func run(t *testing.T, start func(*exec.Cmd) error, environment []string, program string, args ...string) *process {
	p := &process{t: t, cmd: exec.Command(program, args...), dead: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), environment...)
	p.cmd.Stderr = &p.log
	var err error
	p.in, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	out, w, err := os.Pipe()
	require.NoError(t, err)
	p.cmd.Stdout = w
	require.NoError(t, start(p.cmd))
	w.Close()
	p.out = bufio.NewScanner(out)
	p.out.Buffer(nil, 1<<20)
	go func() {
		_ = p.cmd.Wait() // it is killed
		close(p.dead)
	}()
	return p
}

// line gives the next line that it says; "" when it died.
func (p *process) line() string {
	p.out.Scan()
	return p.out.Text()
}

func (p *process) isDead() bool {
	select {
	case <-p.dead:
		return true
	default:
		return false
	}
}

// died waits for its end.
func (p *process) died(d time.Duration) bool {
	select {
	case <-p.dead:
		return true
	case <-time.After(d):
		return false
	}
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill() // unless it is dead already
	<-p.dead
}

// diagnosis gives what a process of cumulited's doctor says that does not hold.
func diagnosis(p *process) (found []string) {
	for line := p.line(); line != ""; line = p.line() {
		found = append(found, line)
	}
	<-p.dead
	if p.cmd.ProcessState.Success() {
		return nil
	}
	return append(found, p.log.String())
}

// simulated is a cloud of one process over a simulated host.
type simulated struct {
	t    *testing.T
	dir  string
	self *process
}

func (s *simulated) start() string {
	s.self = run(s.t, (*exec.Cmd).Start, []string{childDir + "=" + s.dir}, os.Args[0])
	url := s.self.line()
	if url == "" {
		<-s.self.dead
		s.t.Fatalf("the cloud does not start: %s", s.self.log.String())
	}
	return url
}

func (s *simulated) arm(n int) string {
	_, err := fmt.Fprintf(s.self.in, "kill %d\n", n)
	require.NoError(s.t, err)
	require.Equal(s.t, "armed", s.self.line())
	return "cumulited"
}

func (s *simulated) strike() {
	s.self.died(50 * time.Millisecond) // or never, when there are fewer seams on the way
	s.self.kill()
}

func (s *simulated) doctor() (found []string) {
	_, err := fmt.Fprintln(s.self.in, "doctor")
	require.NoError(s.t, err)
	line := s.self.line()
	require.NoError(s.t, json.Unmarshal([]byte(line), &found), "%q %s", line, &s.self.log)
	return found
}

func (s *simulated) end() { s.self.kill() }
