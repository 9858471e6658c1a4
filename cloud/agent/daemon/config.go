package daemon

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/cumulite/cumulite/platform/errs"
)

// Config is what is said on the command line.
type Config struct {
	StateDir      string `help:"Where the host keeps its identity, its guests and its networks." default:"/var/lib/cumulite-host" placeholder:"DIR"`
	Hypervisor    string `help:"What runs servers: ${hypervisors}." enum:"${hypervisors}" default:"sim"`
	Network       string `help:"What makes networks real: ${networks}." enum:"${networks}" default:"sim"`
	Tunnel        string `help:"Address of this host by which other hosts reach it, for the networks between them. Default: that from which it reaches its controllers." placeholder:"ADDRESS"`
	Accel         string `help:"How libvirt's guests run: auto, kvm or tcg. auto takes KVM only where a kernel was seen to boot with it." enum:"auto,kvm,tcg" default:"auto"`
	LibvirtSocket string `help:"Where libvirtd is." default:"/run/libvirt/libvirt-sock" placeholder:"PATH"`
	Operator      string `help:"Address of /healthz and /metrics; \"none\" is nowhere." default:"127.0.0.1:9295" placeholder:"HOST:PORT"`
	LogLevel      string `help:"debug, info, warn or error." enum:"debug,info,warn,error" default:"warn"`
}

// commands are what an agent can be told to do.
type commands struct {
	Config `embed:""`

	Run  runCommand  `cmd:"" default:"1" help:"Be a host. This is what is done when no command is named."`
	Join joinCommand `cmd:"" help:"Make this machine a host of a cloud, once."`
}

type runCommand struct{}

type joinCommand struct {
	Token string `arg:"" help:"What cumulited host-token printed; - reads it from standard input."`
	Name  string `help:"Name of this host. Default: the one that the token is for, or the machine's." placeholder:"NAME"`
}

// parse reads which command is to be done with which configuration. A mistake
// is one sentence.
func parse(args []string, drivers Drivers, stdout io.Writer) (c commands, chosen any, help bool, err error) {
	parser, err := kong.New(&c, kong.Name("hostagent"), kong.Writers(stdout, stdout), kong.Exit(func(int) { help = true }),
		kong.Description("A compute and network host of a Cumulite cloud."), kong.ConfigureHelp(kong.HelpOptions{NoExpandSubcommands: true}),
		kong.Vars{"hypervisors": names(drivers.Hypervisors), "networks": names(drivers.Networks)})
	if err != nil {
		return c, nil, false, err
	}
	parsed, err := parser.Parse(args)
	if help {
		return c, nil, true, nil
	}
	if err != nil {
		return c, nil, false, errs.Invalidf("%v", err)
	}
	if c.Tunnel != "" {
		if _, err := netip.ParseAddr(c.Tunnel); err != nil {
			return c, nil, false, errs.Invalidf("--tunnel %q is not an address", c.Tunnel)
		}
	}
	return c, parsed.Selected().Target.Addr().Interface(), false, nil
}

func names[T any](m map[string]T) string {
	return strings.Join(slices.Sorted(maps.Keys(m)), ",")
}

// tunnel gives the address by which other hosts reach this one: as said, or
// that from which the machine would send to a controller.
func (c *Config) tunnel(ctx context.Context, controllers []string) (netip.Addr, error) {
	if c.Tunnel != "" {
		return netip.ParseAddr(c.Tunnel)
	}
	for _, address := range controllers {
		probe, err := new(net.Dialer).DialContext(ctx, "udp", address) // sends nothing
		if err != nil {
			continue
		}
		local := probe.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
		if err := probe.Close(); err != nil || local.Is4() { // tunnels are of IPv4
			return local, err
		}
	}
	return netip.Addr{}, fmt.Errorf("no controller can be reached to learn this host's IPv4 address: say --tunnel")
}
