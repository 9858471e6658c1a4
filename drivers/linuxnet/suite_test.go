package linuxnet

import (
	"testing"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/network/networktest"
)

func TestConformance(t *testing.T) {
	networktest.Run(t, func(t *testing.T) networktest.Harness {
		m := newTunnelled(t)
		h := m.harness()
		h.Second = func(*testing.T) networktest.Harness { return m.second().harness() }
		return h
	})
}

func (m *machine) harness() networktest.Harness {
	return networktest.Harness{
		Open:     func(*testing.T) network.Driver { return m.open() },
		Send:     m.Send,
		Metadata: m.Metadata,
	}
}
