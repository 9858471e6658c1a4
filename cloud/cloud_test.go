package cloud_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/store/storetest"
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

// The simulated host of a cloud that keeps its state keeps its guests, too.
func TestSimulatedServersOutliveTheProcess(t *testing.T) {
	w := newWorld(t, func(w *world) { w.o.Dir, w.o.Hosts = storetest.Dir(t), nil })
	flavor, image := w.flavor(), w.blue.image("private")
	network, _ := w.blue.network("net", "10.0.0.0/24")
	s := w.blue.call("POST", "/compute/v2.1/servers", server("one", flavor, image, network, nil), 202)["server"].(object)
	path := "/compute/v2.1/servers/" + id(s)
	status := func() any { return w.blue.call("GET", path, nil, 200)["server"].(object)["status"] }
	w.settled()
	require.Equal(t, "ACTIVE", status())
	for _, step := range []struct{ action, leads string }{{"os-stop", "SHUTOFF"}, {"os-start", "ACTIVE"}} {
		w.stop()
		w.open()
		w.settled()
		w.blue.call("POST", path+"/action", object{step.action: nil}, 202)
		w.settled()
		require.Equal(t, step.leads, status())
	}
	w.stop()
	w.open()
	require.Never(t, func() bool { return status() != "ACTIVE" }, 300*time.Millisecond, 20*time.Millisecond, "its guest is where it was")
	w.blue.call("DELETE", path, nil, 204)
	w.settled()
	w.whole()
	require.Empty(t, files(t, filepath.Join(w.Dir(), "hosts", "simulated", "sim")))
}
