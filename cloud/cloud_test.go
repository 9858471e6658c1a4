package cloud_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestServerLivesAndDies(t *testing.T) {
	w := newWorld(t)
	flavor, image := w.flavor(), w.blue.image("private")
	network, _ := w.blue.network("net", "10.0.0.0/24")
	s := w.blue.call("POST", "/compute/v2.1/servers", server("one", flavor, image, network, nil), 202)["server"].(object)
	w.idle()
	s = w.blue.call("GET", "/compute/v2.1/servers/"+id(s), nil, 200)["server"].(object)
	require.Equal(t, "ACTIVE", s["status"])
	w.whole()
	w.blue.call("DELETE", "/compute/v2.1/servers/"+id(s), nil, 204)
	w.idle()
	w.blue.call("GET", "/compute/v2.1/servers/"+id(s), nil, 404)
	w.whole()
	require.Zero(t, w.count("SELECT count(*) FROM network_ports"))
}
