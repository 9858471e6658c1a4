package libvirttest

import (
	"net"

	golibvirt "github.com/digitalocean/go-libvirt"
	"github.com/digitalocean/go-libvirt/socket/dialers"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// Client gives a connection of the test's own to the libvirtd.
func (s *Server) Client() *golibvirt.Libvirt {
	s.t.Helper()
	c, err := net.Dial("unix", s.Socket())
	require.NoError(s.t, err)
	l := golibvirt.NewWithDialer(dialers.NewAlreadyConnected(c))
	require.NoError(s.t, l.Connect())
	s.t.Cleanup(func() { c.Close() })
	return l
}

// XML gives the definition in force of the domain with an id.
func (s *Server) XML(id string) string {
	s.t.Helper()
	l := s.Client()
	dom, err := l.DomainLookupByUUID(golibvirt.UUID(uuid.MustParse(id)))
	require.NoError(s.t, err)
	text, err := l.DomainGetXMLDesc(dom, 0)
	require.NoError(s.t, err)
	return text
}

// Names gives the names of all domains.
func (s *Server) Names() (names []string) {
	s.t.Helper()
	domains, _, err := s.Client().ConnectListAllDomains(1, 0)
	require.NoError(s.t, err)
	for _, dom := range domains {
		names = append(names, dom.Name)
	}
	return names
}
