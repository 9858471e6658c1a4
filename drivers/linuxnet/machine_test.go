package linuxnet

import (
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/cumulite/cumulite/drivers/linuxnet/namespace"
	"github.com/cumulite/cumulite/drivers/linuxnet/nft"
	"github.com/cumulite/cumulite/drivers/linuxnet/packet"
	"github.com/cumulite/cumulite/network/frame"
	"github.com/cumulite/cumulite/network/networktest"
	"github.com/cumulite/cumulite/test/need"
)

// machine is a network namespace that plays the host, with a driver in it. The
// test plays the guests.
type machine struct {
	t      testing.TB
	space  *namespace.Space
	dir    string
	opts   Options
	driver *Driver
	wires  map[string]*wire  // by place
	stacks map[string]*stack // by port
	out    chan delivery
	other  *machine // that this one's tunnels reach
}

// delivery is one at a machine.
type delivery struct {
	networktest.Delivery
	at *machine
}

// wire is where a guest, or the host itself, sends and gets frames.
type wire struct {
	send func([]byte) error
	end  func() error
	// strange is the last frame that came and that the suite cannot read.
	strange chan []byte
	done    chan struct{}
}

func newMachine(t testing.TB) *machine {
	need.Root(t)
	need.File(t, "/dev/net/tun")
	letters := []byte{byte('a' + rand.IntN(26)), byte('a' + rand.IntN(26)), byte('a' + rand.IntN(26))}
	name := "test-linuxnet-" + string(letters)
	space, err := namespace.Create(name)
	require.NoError(t, err)
	m := &machine{
		t: t, space: space, dir: filepath.Join(t.TempDir(), "network"), wires: map[string]*wire{}, stacks: map[string]*stack{}, out: make(chan delivery, 1000),
		opts: Options{Name: "hv1", Prefix: string(letters), Namespace: name, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))},
	}
	t.Cleanup(func() {
		m.close()
		require.NoError(t, Clear(m.dir, &m.opts))
		require.NoError(t, space.Close())
		require.NoError(t, namespace.Remove(name))
	})
	m.silence()
	return m
}

// silence keeps the host's own stack from answering: the test does.
func (m *machine) silence() {
	b, err := nft.Begin(m.space.FD())
	require.NoError(m.t, err)
	table := nft.Table{Name: "silence", Family: nftables.TableFamilyIPv4}
	b.Renew(table)
	b.Base(table, "input", nft.Hook{Type: nftables.ChainTypeFilter, At: nftables.ChainHookInput, Drop: true}, nft.Of(nft.VXLAN, nft.Accept))
	require.NoError(m.t, b.Commit())
}

// open gives a driver after the death of the one before.
func (m *machine) open() *Driver {
	if m.driver != nil {
		require.NoError(m.t, m.driver.Close())
	}
	d, err := Open(m.dir, &m.opts)
	require.NoError(m.t, err)
	m.driver = d
	return d
}

func (m *machine) names() names { return namesOf(m.opts.Prefix, m.dir) }

func (m *machine) close() {
	for _, w := range m.wires {
		require.NoError(m.t, w.end())
		<-w.done
	}
	m.wires = map[string]*wire{}
	if m.driver != nil {
		require.NoError(m.t, m.driver.Close())
		m.driver = nil
	}
}

// connect gives every port and every external network its wire.
func (m *machine) connect() {
	for at, w := range m.wires {
		select {
		case <-w.done:
			delete(m.wires, at)
		default:
		}
	}
	r := m.driver.records
	for id := range r.ports.All() {
		if m.wires[id] == nil {
			m.wires[id] = m.guest(id)
		}
	}
	for id, n := range r.networks.All() {
		if n.Spec.External && m.wires[id] == nil {
			m.wires[id] = m.host(id)
		}
	}
}

// guest opens a port's tap, as QEMU does.
func (m *machine) guest(id string) *wire {
	name := m.driver.names.link(tap, id)
	file := openTap(m.t, m.space, name)
	m.waitUp(name)
	return m.run(id, file.Read, func(b []byte) error { _, err := file.Write(b); return err }, file.Close)
}

func openTap(t testing.TB, space *namespace.Space, name string) *os.File {
	var fd int
	require.NoError(t, space.Do(func() (err error) {
		if fd, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0); err != nil {
			return err
		}
		req, err := unix.NewIfreq(name)
		if err != nil {
			return err
		}
		req.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
		if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
			return err
		}
		return unix.SetNonblock(fd, true)
	}))
	return os.NewFile(uintptr(fd), name)
}

// waitUp waits until a bridge forwards to a link.
func (m *machine) waitUp(name string) {
	require.Eventually(m.t, func() bool {
		l, err := m.space.Links.LinkByName(name)
		return err == nil && l.Attrs().OperState == netlink.OperUp
	}, 5*time.Second, time.Millisecond)
}

// host is the host's own end on an external network.
func (m *machine) host(id string) *wire {
	s, err := packet.Open(m.space, m.driver.names.link(host, id), []unix.SockFilter{{Code: unix.BPF_RET, K: 1 << 16}})
	require.NoError(m.t, err)
	return m.run(id, s.Receive, s.Send, s.Close)
}

func (m *machine) run(id string, receive func([]byte) (int, error), send func([]byte) error, end func() error) *wire {
	w := &wire{send: send, end: end, strange: make(chan []byte, 1), done: make(chan struct{})}
	go func() {
		defer close(w.done)
		for {
			buf := make([]byte, 9000)
			n, err := receive(buf)
			if err != nil {
				return
			}
			if f, known := decode(buf[:n]); known {
				m.out <- delivery{networktest.Delivery{Place: id, Frame: f}, m}
				continue
			}
			select {
			case w.strange <- buf[:n]:
			default:
			}
		}
	}()
	return w
}

// Send puts a frame in and gives what comes out, until nothing comes for a while.
func (m *machine) Send(_ *testing.T, place string, f frame.Frame) (out []networktest.Delivery) {
	m.connect()
	if m.other != nil {
		m.other.connect()
	}
	m.collect(f, time.Millisecond)
	if w := m.wires[place]; w != nil {
		require.NoError(m.t, w.send(encode(f)))
	}
	return m.collect(f, 50*time.Millisecond)
}

func (m *machine) collect(f frame.Frame, quiet time.Duration) (out []networktest.Delivery) {
	for {
		select {
		case d := <-m.out:
			if !d.at.answered(d.Delivery) && !d.at.chatter(d.Delivery, f) {
				out = append(out, d.Delivery)
			}
		case <-time.After(quiet):
			return out
		}
	}
}

// answered plays the guest's own stack: it says where the guest is.
func (m *machine) answered(d networktest.Delivery) bool {
	p, is := m.driver.records.ports.Get(d.Place)
	if !is || d.Frame.Kind != frame.WhoHas || m.isGuest(d.Frame.SrcMAC) {
		return false
	}
	for _, a := range p.Addresses {
		if a.IP == d.Frame.Dst {
			answer := d.Frame.Reply(nil)
			answer.Kind, answer.SrcMAC = frame.IsAt, p.MAC
			require.NoError(m.t, m.wires[d.Place].send(encode(answer)))
		}
	}
	return true
}

func (m *machine) isGuest(mac string) bool {
	for _, on := range []*machine{m, m.other} {
		if on == nil {
			continue
		}
		for _, p := range on.driver.records.ports.All() {
			if p.MAC == mac {
				return true
			}
		}
	}
	return false
}

// chatter is what comes out besides what was sent: the kernel asks where
// someone is, and tells that it cannot forward.
func (m *machine) chatter(d networktest.Delivery, sent frame.Frame) bool {
	g := d.Frame
	if _, port := m.driver.records.ports.Get(d.Place); !port && g.DstMAC != macFor("host", d.Place).String() {
		return true
	}
	return g.Kind == frame.WhoHas && g.SrcMAC != sent.SrcMAC ||
		g.Kind == frame.IP && g.Protocol == frame.ICMP && (g.SrcPort == 3 || g.SrcPort == 5 || g.SrcPort == 11)
}
