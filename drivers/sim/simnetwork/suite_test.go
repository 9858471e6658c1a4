package simnetwork_test

import (
	"net/netip"
	"testing"

	"github.com/cumulite/cumulite/drivers/sim/simnetwork"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/network/frame"
	"github.com/cumulite/cumulite/network/networktest"
)

func TestConformance(t *testing.T) {
	networktest.Run(t, func(*testing.T) networktest.Harness {
		underlay := simnetwork.NewUnderlay()
		h := harness(underlay, "192.0.2.1")
		h.Second = func(*testing.T) networktest.Harness { return harness(underlay, "192.0.2.2") }
		return h
	})
}

func harness(underlay *simnetwork.Underlay, tunnel string) networktest.Harness {
	state := underlay.NewState(netip.MustParseAddr(tunnel))
	return networktest.Harness{
		Open: func(*testing.T) network.Driver { return simnetwork.New(state, nil) },
		Send: func(_ *testing.T, place string, f frame.Frame) (out []networktest.Delivery) {
			for _, d := range state.Send(place, f) {
				out = append(out, networktest.Delivery(d))
			}
			return out
		},
		Metadata: func(_ *testing.T, portID, path string) ([]byte, bool) { return state.Metadata(portID, path) },
	}
}
