package nats_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/rpc"
	"github.com/cumulite/cumulite/platform/rpc/nats"
	"github.com/cumulite/cumulite/platform/rpc/nats/natstest"
	"github.com/cumulite/cumulite/platform/secret"
)

// identity is what a host in a process of its own is started with.
type identity struct {
	Controllers     []string
	Seed            string
	Cert, Key, Root []byte
}

// beHost makes this process a host, if a test started it as one. It prints
// what it was called with.
func beHost() {
	encoded := os.Getenv("BE_HOST")
	if encoded == "" {
		return
	}
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	var id identity
	fail(json.Unmarshal([]byte(encoded), &id))
	cert, err := tls.X509KeyPair(id.Cert, id.Key)
	fail(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(id.Root)
	conn, err := nats.Connect(nats.Options{Host: "node1", Controllers: id.Controllers, Key: secret.New(id.Seed),
		TLS: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{cert}}})
	fail(err)
	mux := rpc.NewMux()
	rpc.Handle(mux, "do", func(_ context.Context, what string) (string, error) {
		fmt.Println(what)
		return what, nil
	})
	fail(conn.Serve(mux))
	select {}
}

// process starts node1 as a process and gives the lines that it prints.
func process(t *testing.T, cloud *natstest.Cloud, controllers ...string) (*os.Process, <-chan string) {
	own := cloud.Certify("node1", time.Hour, x509.ExtKeyUsageClientAuth)
	key, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	require.NoError(t, err)
	encode := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	id, err := json.Marshal(identity{Controllers: controllers, Seed: cloud.Key("node1").Reveal(),
		Cert: encode("CERTIFICATE", own.Certificate[0]), Key: encode("PRIVATE KEY", key), Root: encode("CERTIFICATE", cloud.Root())})
	require.NoError(t, err)
	host := exec.Command(os.Args[0])
	host.Env = append(os.Environ(), "BE_HOST="+string(id))
	host.Stderr = os.Stderr
	out, err := host.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, host.Start())
	lines := make(chan string, 100)
	read := make(chan struct{})
	go func() {
		defer close(read)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			lines <- scan.Text()
		}
	}()
	t.Cleanup(func() {
		_ = host.Process.Kill()
		<-read
		_ = host.Wait()
	})
	return host.Process, lines
}

// freeze stops a process, and waits until none of its threads runs.
func freeze(t *testing.T, p *os.Process) {
	require.NoError(t, p.Signal(syscall.SIGSTOP))
	natstest.Await(t, func() bool {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.Pid))
		require.NoError(t, err)
		return !slices.ContainsFunc(threads, func(name string) bool {
			stat, err := os.ReadFile(name)
			return err == nil && !strings.Contains(string(stat), ") T ")
		})
	})
}

func TestFrozenHostIsMissedAndDoesNothingLate(t *testing.T) {
	t.Parallel()
	cloud := natstest.New(t)
	a, b := cloud.Controller(nil), cloud.Controller(nil)
	meet(t, a, b)
	host, lines := process(t, cloud, b.Address())
	natstest.Await(t, func() bool { return a.Connected("node1") })
	_, err := call(t, a.Host("node1"), "do", "before")
	require.NoError(t, err)
	require.Equal(t, "before", <-lines)

	frozen := time.Now()
	freeze(t, host)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err = rpc.Invoke[string, string](ctx, a.Host("node1"), "do", "late")
	require.Equal(t, errs.Unavailable, errs.KindOf(err))
	require.Less(t, time.Since(frozen), 10*time.Second)
	require.False(t, a.Connected("node1"))
	require.False(t, b.Connected("node1"))
	_, err = call(t, a.Host("node1"), "do", "refused")
	require.Equal(t, errs.Unavailable, errs.KindOf(err), "at once")

	require.NoError(t, host.Signal(syscall.SIGCONT))
	require.Eventually(t, func() bool { return a.Connected("node1") }, 20*time.Second, 50*time.Millisecond)
	_, err = call(t, a.Host("node1"), "do", "after")
	require.NoError(t, err)
	require.Equal(t, "after", <-lines, "what came while it was frozen is not done")
}

func TestBrieflyFrozenHostDoesNothingForACallerWhoHasGivenUp(t *testing.T) {
	t.Parallel()
	cloud := natstest.New(t)
	controller := cloud.Controller(nil)
	host, lines := process(t, cloud, controller.Address())
	natstest.Await(t, func() bool { return controller.Connected("node1") })
	_, err := call(t, controller.Host("node1"), "do", "before")
	require.NoError(t, err)
	require.Equal(t, "before", <-lines)
	freeze(t, host)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = rpc.Invoke[string, string](ctx, controller.Host("node1"), "do", "late")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	time.Sleep(1500 * time.Millisecond)
	require.True(t, controller.Connected("node1"))
	require.NoError(t, host.Signal(syscall.SIGCONT))
	_, err = call(t, controller.Host("node1"), "do", "after")
	require.NoError(t, err)
	require.Equal(t, "after", <-lines)
}
