package kill

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/cumulite/cumulite/cloud"
	"github.com/cumulite/cumulite/cloud/serve"
	"github.com/cumulite/cumulite/platform/flow"
	"github.com/cumulite/cumulite/platform/rpc"
	"github.com/cumulite/cumulite/platform/secret"
)

// childDir, in the environment, makes this program a cloud over that directory.
const childDir = "CUMULITE_KILL_CHILD"

const password = "a password of tests"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// fuse kills this process once it has burnt down.
type fuse struct{ left atomic.Int64 }

func (f *fuse) burn() {
	if f.left.Add(-1) == 0 {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // cannot fail
		select {}
	}
}

func (f *fuse) faults() *cloud.Faults {
	return &cloud.Faults{
		Store: func(string) error { f.burn(); return nil },
		Call:  func(context.Context, string, string) rpc.Fault { f.burn(); return rpc.None },
		Step:  func(string, string, flow.Point) error { f.burn(); return nil },
	}
}

// child is a cloud with its API on some port. It says where, and does what it
// is told on its standard input: "kill N" is to burn so many seams, "doctor"
// to say what does not hold.
func child(dir string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var f fuse
	c, err := cloud.Open(ctx, cloud.Options{Dir: dir, AdminPassword: secret.New(password), PasswordCost: 4, Faults: f.faults(),
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err != nil {
		return err
	}
	server, err := serve.Listen(ctx, serve.Options{Listen: "127.0.0.1:0"})
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return server.Run(ctx, c.Handler()) })
	group.Go(func() error { return c.Run(ctx) })
	fmt.Println(server.URL())
	go obey(ctx, c, &f)
	if err := group.Wait(); err != nil {
		return err
	}
	return c.Close()
}

func obey(ctx context.Context, c *cloud.Cloud, f *fuse) {
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		word, rest, _ := strings.Cut(in.Text(), " ")
		switch word {
		case "kill":
			var n int64
			_, _ = fmt.Sscan(rest, &n)
			f.left.Store(n)
			fmt.Println("armed")
		case "doctor":
			report, err := c.Doctor(ctx, false)
			found := []string{}
			for _, r := range report.Results {
				if r.Error != "" {
					found = append(found, r.Name+": "+r.Error)
				}
				for _, each := range r.Findings {
					found = append(found, fmt.Sprintf("%s: %s %s", r.Name, each.Object, each.Says))
				}
			}
			if err != nil {
				found = append(found, err.Error())
			}
			line, _ := json.Marshal(found) // of strings
			fmt.Println(string(line))
		}
	}
}
