// Package pgtest runs Debian's PostgreSQL for tests: as an unprivileged user,
// in memory, on a socket of its own, and gone with the test that started it,
// also when that is killed.
//
//	url := pgtest.Shared(t)     // one server for each test program
//	s := pgtest.Start(t)        // one to kill and to start again
package pgtest

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cumulite/cumulite/test/need"
)

// Wanted tells whether tests that can run on either engine shall use
// PostgreSQL: the variable CUMULITE_TEST_ENGINE is "postgres".
func Wanted() bool { return os.Getenv("CUMULITE_TEST_ENGINE") == "postgres" }

const bin = "/usr/lib/postgresql/15/bin"

// shared is the server of this process. It ends with the process, when the
// pipe closes by which its keeper watches us.
var shared struct {
	sync.Mutex
	*Server
}

// Shared gives the address of a server for all tests of this process, which
// does not wait for disks. A test makes databases of its own there.
func Shared(t testing.TB) string {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.Server == nil {
		s := prepare(t, false)
		s.run(t)
		shared.Server = s
	}
	return shared.URL("postgres")
}

// Server is a server that a test may kill.
type Server struct {
	dir     string // owned by who runs the server: "data" and its socket
	durable bool
	user    *syscall.Credential // nil: our own
	keeper  *exec.Cmd
	watch   io.WriteCloser // its end tells the keeper to clean up
}

// Start runs a server until the test ends. It keeps what it acknowledged.
func Start(t testing.TB) *Server {
	t.Helper()
	s := prepare(t, true)
	s.run(t)
	t.Cleanup(func() {
		_ = s.watch.Close()
		_ = s.keeper.Wait()
	})
	return s
}

// URL gives the address of a database of the server.
func (s *Server) URL(database string) string {
	return fmt.Sprintf("postgres:///%s?host=%s&user=cumulite", database, s.dir)
}

// Kill kills all processes of the server as a power cut would.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	first := s.postmaster()
	if first <= 1 || syscall.Kill(first, syscall.SIGSTOP) != nil { // no new ones while we look
		t.Fatal("there is no server to kill")
	}
	children, err := exec.Command("/usr/bin/pgrep", "-P", strconv.Itoa(first)).Output()
	if err != nil {
		t.Fatalf("the processes of the server: %v", err)
	}
	for _, pid := range append([]string{strconv.Itoa(first)}, strings.Fields(string(children))...) {
		if n, err := strconv.Atoi(pid); err == nil && n > 1 {
			_ = syscall.Kill(n, syscall.SIGKILL) // one may have ended by itself
		}
	}
	_, _ = io.WriteString(s.watch, "\n") // the files stay
	_ = s.watch.Close()
	_ = s.keeper.Wait()
}

// Restart starts the server again after Kill.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.run(t)
}

// prepare makes the files of a new server.
func prepare(t testing.TB, durable bool) *Server {
	t.Helper()
	need.File(t, bin+"/postgres")
	s := &Server{durable: durable}
	if os.Geteuid() == 0 { // the server refuses to run as root
		s.user = credential(t)
	}
	var err error
	if s.dir, err = os.MkdirTemp(memory(), "cumulite-pg-"); err != nil {
		t.Fatal(err)
	}
	s.must(t, "/usr/bin/cp", "-a", "--", s.template(t), filepath.Join(s.dir, "data"))
	if s.user != nil {
		s.must(t, "/usr/bin/chown", "-R", fmt.Sprint(s.user.Uid), "--", s.dir)
	}
	return s
}

// memory is a directory that no disk slows down, where there is one.
func memory() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return os.TempDir()
}

func credential(t testing.TB) *syscall.Credential {
	t.Helper()
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Fatalf("the user that runs the server: %v", err)
	}
	uid, _ := strconv.ParseUint(u.Uid, 10, 32)
	gid, _ := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// template gives an initialised data directory to copy, made once on a machine.
func (s *Server) template(t testing.TB) string {
	t.Helper()
	version, err := exec.Command(bin+"/postgres", "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	base := filepath.Join(memory(), fmt.Sprintf("cumulite-pg-template-%d", os.Geteuid()))
	if err := os.MkdirAll(base, 0o755); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(base); err != nil || !info.IsDir() || info.Sys().(*syscall.Stat_t).Uid != uint32(os.Geteuid()) {
		t.Fatalf("%s is not ours: %v", base, err)
	}
	lock, err := os.OpenFile(base+"/lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Close() }()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	ready := filepath.Join(base, fmt.Sprintf("%.8x", sha256.Sum256(version)))
	if _, err := os.Stat(ready); err == nil {
		return ready
	}
	making := filepath.Join(s.dir, "making")
	if err := os.Mkdir(making, 0o700); err != nil {
		t.Fatal(err)
	}
	if s.user != nil {
		s.must(t, "/usr/bin/chown", "-R", fmt.Sprint(s.user.Uid), "--", s.dir)
	}
	init := exec.Command(bin+"/initdb", "-D", making, "-U", "cumulite", "--auth=trust", "--encoding=UTF8", "--locale=C",
		"--no-sync", "--wal-segsize=1", "--no-instructions")
	init.SysProcAttr, init.Dir = &syscall.SysProcAttr{Credential: s.user}, "/"
	if out, err := init.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	if err := os.Rename(making, ready); err != nil {
		t.Fatal(err)
	}
	return ready
}

func (s *Server) must(t testing.TB, program string, args ...string) {
	t.Helper()
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
}

// keeper runs the server and, once its own input ends, ends it and removes its
// files. A line of input tells it that the server is dead and its files stay.
const keeper = `trap '' INT TERM HUP
exec 3<&0
"$@" </dev/null >"$DIR/log" 2>&1 &
server=$!
(read -r _ <&3 && exit; kill -QUIT $server; while kill -0 $server; do sleep 0.05; done; rm -rf "$DIR") </dev/null >/dev/null 2>&1 &
wait $server
`

// run starts the server and waits until it answers.
func (s *Server) run(t testing.TB) {
	t.Helper()
	fsync := "off"
	if s.durable {
		fsync = "on"
	}
	args := []string{"-c", keeper, "keeper", bin + "/postgres", "-D", s.dir + "/data", "-k", s.dir}
	for _, setting := range []string{"listen_addresses=", "fsync=" + fsync, "full_page_writes=" + fsync, "autovacuum=off", "jit=off",
		"max_connections=300", "shared_buffers=64MB", "max_wal_size=256MB", "log_min_messages=log"} {
		args = append(args, "-c", setting)
	}
	s.keeper = exec.Command("/bin/sh", args...)
	s.keeper.Env, s.keeper.Dir = []string{"DIR=" + s.dir, "PATH=/usr/bin:/bin", "LC_ALL=C"}, "/"
	s.keeper.SysProcAttr = &syscall.SysProcAttr{Credential: s.user, Setpgid: true}
	stdin, err := s.keeper.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.watch = stdin
	if err := s.keeper.Start(); err != nil {
		t.Fatal(err)
	}
	for range 400 {
		if exec.Command(bin+"/pg_isready", "-q", "-h", s.dir).Run() == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
		if log, _ := os.ReadFile(s.dir + "/log"); strings.Contains(string(log), "is still in use") { // killed ones take their time
			_, _ = io.WriteString(s.watch, "\n")
			_ = s.watch.Close()
			_ = s.keeper.Wait()
			s.run(t)
			return
		}
	}
	log, _ := os.ReadFile(s.dir + "/log")
	t.Fatalf("the server does not start:\n%s", log)
}

// postmaster gives the process that all others of the server hang on.
func (s *Server) postmaster() int {
	data, err := os.ReadFile(s.dir + "/data/postmaster.pid")
	if err != nil {
		return -1
	}
	var pid int
	if _, err := fmt.Sscan(string(data), &pid); err != nil || pid <= 1 {
		return -1
	}
	return pid
}
