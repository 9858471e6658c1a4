package linuxnet

import (
	"testing"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/network/networktest"
)

func TestConformance(t *testing.T) {
	networktest.Run(t, func(t *testing.T) networktest.Harness {
		m := newMachine(t)
		return networktest.Harness{
			Open:     func(*testing.T) network.Driver { return m.open() },
			Send:     m.Send,
			Metadata: m.Metadata,
		}
	})
}
