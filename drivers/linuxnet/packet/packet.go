// Package packet sends and receives Ethernet frames on one link, past the
// bridge it may be plugged into: what a guest sends is seen before any filter,
// what is sent goes to the guest and nowhere else.
package packet

import (
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"github.com/cumulite/cumulite/drivers/linuxnet/namespace"
)

// Socket is bound to one link.
type Socket struct{ file *os.File }

// DHCPRequests passes unfragmented UDP over IPv4 to port 67.
var DHCPRequests = []unix.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_H | unix.BPF_ABS, K: 12},
	{Code: unix.BPF_JMP | unix.BPF_JEQ, K: unix.ETH_P_IP, Jf: 8},
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 23},
	{Code: unix.BPF_JMP | unix.BPF_JEQ, K: unix.IPPROTO_UDP, Jf: 6},
	{Code: unix.BPF_LD | unix.BPF_H | unix.BPF_ABS, K: 20},
	{Code: unix.BPF_JMP | unix.BPF_JSET, K: 0x3fff, Jt: 4}, // more fragments, or not the first
	{Code: unix.BPF_LDX | unix.BPF_B | unix.BPF_MSH, K: 14},
	{Code: unix.BPF_LD | unix.BPF_H | unix.BPF_IND, K: 16},
	{Code: unix.BPF_JMP | unix.BPF_JEQ, K: 67, Jf: 1},
	{Code: unix.BPF_RET, K: 1 << 16},
	{Code: unix.BPF_RET, K: 0},
}

// nothing passes no frame.
var nothing = []unix.SockFilter{{Code: unix.BPF_RET, K: 0}}

// Open opens a socket on a link in a namespace. It gets the frames that come
// in from the link and pass the filter.
func Open(space *namespace.Space, link string, filter []unix.SockFilter) (*Socket, error) {
	nic, err := space.Links.LinkByName(link)
	if err != nil {
		return nil, err
	}
	var fd int
	err = space.Do(func() (err error) {
		fd, err = open(nic.Attrs().Index, filter)
		return os.NewSyscallError("packet socket on "+link, err)
	})
	if err != nil {
		return nil, err
	}
	return &Socket{file: os.NewFile(uintptr(fd), link)}, nil
}

// open makes the socket deaf, gives it its filter and only then binds it.
func open(index int, filter []unix.SockFilter) (int, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	if err := attach(fd, filter); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: bigEndian(unix.ETH_P_ALL), Ifindex: index}); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func attach(fd int, filter []unix.SockFilter) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err != nil {
		return err
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
}

func bigEndian(v uint16) uint16 { return v<<8 | v>>8 }

// Receive waits for a frame. It ends with os.ErrClosed when the socket is closed.
func (s *Socket) Receive(buf []byte) (int, error) { return s.file.Read(buf) }

// Send sends a whole frame out of the link.
func (s *Socket) Send(frame []byte) error {
	_, err := s.file.Write(frame)
	return err
}

// Close ends Receive.
func (s *Socket) Close() error { return s.file.Close() }

// Announce tells everyone on a link that addresses are at the link's MAC.
func Announce(space *namespace.Space, link string, mac net.HardwareAddr, addresses []netip.Addr) error {
	s, err := Open(space, link, nothing)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	for _, a := range addresses {
		if err := s.Send(announcement(mac, a)); err != nil {
			return err
		}
	}
	return nil
}

// announcement is a gratuitous ARP request (RFC 5227, section 3).
func announcement(mac net.HardwareAddr, a netip.Addr) []byte {
	frame := append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, mac...)
	frame = append(frame, 0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1)
	frame = append(frame, mac...)
	frame = append(frame, a.AsSlice()...)
	frame = append(frame, 0, 0, 0, 0, 0, 0)
	return append(frame, a.AsSlice()...)
}
