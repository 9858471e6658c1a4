package linuxnet

import (
	"crypto/sha256"
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/google/uuid"

	"github.com/cumulite/cumulite/drivers/linuxnet/filter"
	"github.com/cumulite/cumulite/platform/errs"
)

// The kinds of links, each the letter after the prefix in their names.
const (
	bridge     = "b"
	tap        = "t"
	router     = "r" // both ends of a router's leg
	metadataAt = "m" // both ends of the metadata service's leg
	hostPlug   = "p" // the end in the bridge of the host's leg
	host       = "h" // the host's own end
	tunnel     = "v" // VXLAN to other hosts
)

// The kinds of namespaces.
const (
	routerSpace   = "router"
	metadataSpace = "metadata"
)

// idLen is how much of an id a link's name has room for: 44 bits.
const idLen = 11

var prefixes = regexp.MustCompile(`^[a-z]{2,3}$`)

// names gives things the names by which they are known to be ours: links and
// tables in their namespace by the prefix, namespaces, which all drivers of the
// machine share, by the state directory too.
type names struct{ prefix, spaces string }

func namesOf(prefix, stateDir string) names {
	sum := sha256.Sum256([]byte(filepath.Clean(stateDir)))
	return names{prefix: prefix, spaces: fmt.Sprintf("%s-%x-", prefix, sum[:3])}
}

// link names the link of one kind for an object.
func (n names) link(kind, id string) string {
	return n.prefix + kind + strings.ReplaceAll(id, "-", "")[:idLen]
}

// ours matches the names that link gives.
func (n names) ours() *regexp.Regexp {
	return regexp.MustCompile("^" + n.prefix + "[btrmphv][0-9a-f]{11}$")
}

// space names the namespace of one kind for an object.
func (n names) space(kind, id string) string { return n.spaces + kind + "-" + id }

// isSpace matches the names that space gives.
func (n names) isSpace(name string) bool {
	return strings.HasPrefix(name, n.spaces+routerSpace+"-") || strings.HasPrefix(name, n.spaces+metadataSpace+"-")
}

func (n names) filter() filter.Names {
	p := n.prefix
	return filter.Names{Table: "cumulite-" + p, Links: p, Bridges: p + bridge, Taps: p + tap, Metadata: p + metadataAt,
		Tunnels: p + tunnel, Plugs: p + hostPlug, Hosts: p + host}
}

// checkID refuses what no name can be made of.
func checkID(what, id string) error {
	if u, err := uuid.Parse(id); err != nil || u.String() != id {
		return errs.New(errs.Invalid, "the %s's id %q is no UUID", what, id)
	}
	return nil
}

// macFor makes a locally administered address that is always the same for a purpose.
func macFor(purpose, id string) net.HardwareAddr {
	sum := sha256.Sum256([]byte(purpose + " " + id))
	return append(net.HardwareAddr{0x02}, sum[:5]...)
}

func parseMAC(mac string) (net.HardwareAddr, error) {
	m, err := net.ParseMAC(mac)
	if err != nil || len(m) != 6 || m[0]&1 != 0 {
		return nil, errs.New(errs.Invalid, "%q is no address of one Ethernet interface", mac)
	}
	return m, nil
}
