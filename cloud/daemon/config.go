package daemon

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/cumulite/cumulite/cloud"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/yaml"
)

// Names of drivers that mean something here. With none this machine is only a
// controller, of hosts elsewhere.
const (
	simulated = "sim"
	none      = "none"
)

// Config is what is said on the command line, in the environment or in the
// file named by --config, in this order of precedence. The file is YAML and
// has the flags' names as its keys.
type Config struct {
	StateDir      string          `help:"Where everything is kept. Default: /var/lib/cumulite, or for users other than root ~/.local/state/cumulite." placeholder:"DIR" xor:"state"`
	Ephemeral     bool            `help:"Keep nothing: a temporary directory, no synchronous commits, cheap password hashes. Needs no root. For tests and trying things out." xor:"state"`
	Database      string          `help:"A PostgreSQL that several controllers share, all of them active: postgres://USER@HOST/NAME. Each has a --state-dir of its own; --keys and --images are common to all. Default: a SQLite file in the state directory." env:"CUMULITE_DATABASE" placeholder:"URL"`
	Keys          string          `help:"Where the keys and clouds.yaml are that all controllers of a cloud share. Default: the state directory." placeholder:"DIR"`
	Images        string          `help:"Where the bytes of images are; controllers share it, on storage that all of them reach. Default: in the state directory." placeholder:"DIR"`
	Relaxed       bool            `help:"Answer before commits are on disk: a power failure may cost the last seconds, a killed process still loses nothing."`
	Listen        string          `help:"Address of the APIs." default:"127.0.0.1:5000" placeholder:"HOST:PORT"`
	Operator      string          `help:"Address of /healthz and /metrics; \"none\" is nowhere. Default: on 127.0.0.1, the port after that of the APIs." placeholder:"HOST:PORT"`
	PublicURL     string          `name:"public-url" help:"How clients reach the APIs. Default: http(s):// and the address listened on." placeholder:"URL"`
	Region        string          `help:"Name of the region." default:"RegionOne"`
	Config        kong.ConfigFlag `help:"YAML file with any of these settings." placeholder:"FILE"`
	AdminPassword string          `help:"The administrator's password. Default: the one in clouds.yaml, or a random one." env:"CUMULITE_ADMIN_PASSWORD" placeholder:"PW"`
	Policy        string          `help:"YAML file with rules of oslo.policy that replace the defaults." placeholder:"FILE"`
	HostsListen   string          `help:"Address where hosts of their own join and pull images; they connect to the next port, and other controllers to the one after. Default: nowhere." placeholder:"HOST:PORT"`
	HostsAddress  string          `help:"Name or address by which hosts and other controllers reach this machine. Default: that of --hosts-listen." placeholder:"HOST"`
	Tunnel        netip.Addr      `help:"Address at which other hosts reach this one, for the networks between them. Default: that of --hosts-listen." placeholder:"ADDRESS"`
	Host          string          `help:"Name of this host. Default: the machine's." placeholder:"NAME"`
	Hypervisor    string          `help:"What runs servers: ${hypervisors}." enum:"${hypervisors}" default:"sim"`
	Network       string          `help:"What makes networks real: ${networks}." enum:"${networks}" default:"sim"`
	Accel         string          `help:"How libvirt's guests run: auto, kvm or tcg. auto takes KVM only where a kernel was seen to boot with it." enum:"auto,kvm,tcg" default:"auto"`
	LibvirtSocket string          `help:"Where libvirtd is." default:"/run/libvirt/libvirt-sock" placeholder:"PATH"`
	TLSCert       string          `name:"tls-cert" help:"Certificate chain of the APIs' address, PEM." placeholder:"FILE"`
	TLSKey        string          `name:"tls-key" help:"Its private key." placeholder:"FILE"`
	InsecureHTTP  bool            `name:"insecure-http" help:"Let passwords and tokens travel unencrypted off this machine."`
	Purge         bool            `help:"Remove all that the cloud has on this machine, its guests and networks and its state directory, and end. A database of --database, its keys and images stay."`
	LogLevel      string          `help:"debug, info, warn or error." enum:"debug,info,warn,error" default:"warn"`
}

// parse reads which command is to be done with which configuration. A mistake
// is one sentence.
func parse(args []string, drivers Drivers, stdout io.Writer) (c Config, do command, help bool, err error) {
	var all commands
	parser, err := kong.New(&all, kong.Name("cumulited"), kong.Writers(stdout, stdout), kong.Exit(func(int) { help = true }),
		kong.Description("A whole OpenStack cloud in one process."), kong.Configuration(readFile), kong.ConfigureHelp(kong.HelpOptions{NoExpandSubcommands: true}),
		kong.Vars{"hypervisors": names(drivers.Hypervisors), "networks": names(drivers.Networks)})
	if err != nil {
		return c, nil, false, err
	}
	parsed, err := parser.Parse(args)
	if err != nil && !help {
		return c, nil, false, errs.Invalidf("%v", err)
	}
	if help {
		return c, nil, true, nil
	}
	do = parsed.Selected().Target.Addr().Interface().(command)
	return all.Config, do, false, all.Config.complete()
}

func names[T any](m map[string]T) string {
	return strings.Join(append(slices.Sorted(maps.Keys(m)), none), ",")
}

// complete fills in what depends on the machine.
func (c *Config) complete() (err error) {
	if err := c.placeOperator(); err != nil {
		return err
	}
	if c.HostsListen != "" {
		if _, err := cloud.FleetAt(c.HostsListen, c.HostsAddress); err != nil {
			return err
		}
		c.placeTunnel()
	}
	if c.Database != "" && (c.Ephemeral || c.Relaxed || c.Keys == "" || c.Images == "") {
		return errs.Invalidf("--database needs --keys and --images, which all controllers share, and keeps what --ephemeral and --relaxed would not")
	}
	if (c.Hypervisor == none) != (c.Network == none) {
		return errs.Invalidf("a machine is a host with both a hypervisor and a network, or with none of them")
	}
	if c.Ephemeral && c.Hypervisor != none && (c.Hypervisor != simulated || c.Network != simulated) {
		return errs.Invalidf("--ephemeral keeps no guests: it goes with --hypervisor sim and --network sim")
	}
	if err := checkURL(c.PublicURL); err != nil {
		return err
	}
	if c.Host == "" {
		if c.Host, err = os.Hostname(); err != nil {
			return err
		}
	}
	if c.Ephemeral || c.StateDir != "" {
		return nil
	}
	if os.Geteuid() == 0 {
		c.StateDir = "/var/lib/cumulite"
		return nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return errs.Invalidf("say where to keep state: --state-dir, or --ephemeral")
	}
	c.StateDir = filepath.Join(home, ".local/state/cumulite")
	return nil
}

// placeTunnel takes the address that hosts know already, where one is named.
func (c *Config) placeTunnel() {
	at, err := netip.ParseAddrPort(c.HostsListen)
	if err == nil && !c.Tunnel.IsValid() && at.Addr().Is4() && !at.Addr().IsUnspecified() {
		c.Tunnel = at.Addr()
	}
}

// placeOperator finds the operator's address.
func (c *Config) placeOperator() error {
	switch c.Operator {
	case "none":
		c.Operator = ""
	case "":
		_, text, err := net.SplitHostPort(c.Listen)
		port, bad := strconv.ParseUint(text, 10, 16)
		if err != nil || bad != nil {
			return errs.Invalidf("--listen %q is not HOST:PORT", c.Listen)
		}
		if port != 0 {
			port++
		}
		c.Operator = fmt.Sprintf("127.0.0.1:%d", port)
	}
	return nil
}

// checkURL refuses what clients could not use to reach the APIs.
func checkURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return errs.Invalidf("--public-url %q is not http://HOST or https://HOST", text)
	}
	return nil
}

// keysDir is where the keys and passwords are.
func (c *Config) keysDir() string { return cmp.Or(c.Keys, c.StateDir) }

// hostDir is where the drivers of this host keep what is theirs: beside the
// state, which nobody else may enter, and QEMU runs as a user of its own.
func (c *Config) hostDir() string { return c.StateDir + "-host" }

// file is a configuration file: values by the names of flags.
type file map[string]any

func readFile(r io.Reader) (kong.Resolver, error) {
	data, err := io.ReadAll(io.LimitReader(r, yaml.MaxSize+1))
	if err != nil {
		return nil, err
	}
	f := file{}
	return f, yaml.Decode(data, &f)
}

// Validate implements kong.Resolver: every key is a flag's name.
func (f file) Validate(app *kong.Application) error {
	known := map[string]bool{}
	for _, flag := range app.Flags {
		known[flag.Name] = true
	}
	delete(known, "config")
	delete(known, "help")
	for _, key := range slices.Sorted(maps.Keys(f)) {
		if !known[key] {
			return fmt.Errorf("unknown setting %q in the configuration file", key)
		}
	}
	return nil
}

// Resolve implements kong.Resolver. The environment comes first.
func (f file) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if _, said := os.LookupEnv(name); said {
			return nil, nil
		}
	}
	return f[flag.Name], nil
}
