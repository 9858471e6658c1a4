// Package namespace works in network namespaces other than the process's own,
// without moving the process: a function runs on a thread that entered the
// namespace and ends with it, sockets opened there stay there.
//
// Named namespaces are those of "ip netns": files in /run/netns.
package namespace

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

const dir = "/run/netns"

// nsfs is what statfs says of a bound namespace.
const nsfs = 0x6e736673

// Space is an open network namespace.
type Space struct {
	// Links speaks to the namespace's routing and conntrack tables.
	Links *netlink.Handle

	file *os.File
}

// Open opens a namespace by its name or path; "" is the process's own.
func Open(name string) (*Space, error) {
	path := name
	switch {
	case name == "":
		path = "/proc/self/ns/net"
	case !strings.Contains(name, "/"):
		path = filepath.Join(dir, name)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	links, err := netlink.NewHandleAt(netns.NsHandle(file.Fd()), unix.NETLINK_ROUTE, unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("enter the network namespace %s: %w", path, err), file.Close())
	}
	return &Space{Links: links, file: file}, nil
}

// Create opens a named namespace and makes it when there is none.
func Create(name string) (*Space, error) {
	path := filepath.Join(dir, name)
	if !bound(path) {
		if err := bind(path); err != nil {
			return nil, fmt.Errorf("make the network namespace %s: %w", name, err)
		}
	}
	return Open(name)
}

// Find opens a named namespace; nil when there is none.
func Find(name string) (*Space, error) {
	if !bound(filepath.Join(dir, name)) {
		return nil, nil
	}
	return Open(name)
}

func bound(path string) bool {
	var st unix.Statfs_t
	return unix.Statfs(path, &st) == nil && st.Type == nsfs
}

func bind(path string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY, 0o444)
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		return unix.Mount("/proc/thread-self/ns/net", path, "bind", unix.MS_BIND, "")
	})
}

// Remove takes a named namespace away; links in it go with the last process
// and socket in it. One that is not there is no error.
func Remove(name string) error {
	path := filepath.Join(dir, name)
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("remove the network namespace %s: %w", name, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// List gives the names of the named namespaces that match.
func List(match func(name string) bool) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if match(e.Name()) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// Close lets go of the namespace; it stays.
func (s *Space) Close() error {
	s.Links.Close()
	return s.file.Close()
}

// FD is the open namespace's descriptor, for libraries that enter it themselves.
func (s *Space) FD() int { return int(s.file.Fd()) }

// Do runs fn on a thread inside the namespace. What fn starts in goroutines of
// its own runs outside.
func (s *Space) Do(fn func() error) error {
	return onThread(func() error {
		if err := unix.Setns(s.FD(), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter the network namespace: %w", err)
		}
		return fn()
	})
}

// Whole takes a list from the kernel, again while it changes underneath.
func Whole[T any](list func() (T, error)) (all T, err error) {
	for range 100 {
		if all, err = list(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	return all, err
}

// Sysctls sets kernel parameters below /proc/sys/net; one that this kernel
// does not have is passed over.
func (s *Space) Sysctls(values map[string]string) error {
	return s.Do(func() error {
		for key, value := range values {
			if err := set(key, value); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
		return nil
	})
}

// Need sets a kernel parameter that must be there.
func (s *Space) Need(key, value string) error {
	return s.Do(func() error { return set(key, value) })
}

func set(key, value string) error {
	file, err := os.OpenFile("/proc/sys/net/"+key, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(value)
	return errors.Join(err, file.Close())
}

// onThread runs fn on a thread of its own, which ends with fn: whatever
// namespace it was in, no other goroutine ever runs there.
func onThread(fn func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		done <- fn()
	}()
	return <-done
}
