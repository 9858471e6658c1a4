package cloud_test

import (
	"encoding/binary"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/image/imagetest"
)

// qcow2 is the header of an image of that format, with what backs it.
func qcow2(backing string) []byte {
	b := make([]byte, 1<<18)
	copy(b, "QFI\xfb")
	put := func(at int, v uint64, size int) {
		if size == 4 {
			binary.BigEndian.PutUint32(b[at:], uint32(v))
			return
		}
		binary.BigEndian.PutUint64(b[at:], v)
	}
	put(4, 3, 4)         // version
	put(20, 16, 4)       // cluster bits
	put(24, 1<<20, 8)    // virtual size
	put(36, 1, 4)        // entries of the L1 table
	put(40, 3<<16, 8)    // where it is
	put(48, 1<<16, 8)    // the refcount table
	put(56, 1, 4)        // its clusters
	put(96, 4, 4)        // refcount order
	put(100, 104, 4)     // header length
	put(1<<16, 2<<16, 8) // a refcount block
	if backing != "" {
		put(8, 112, 8)
		put(16, uint64(len(backing)), 4)
		copy(b[112:], backing)
	}
	return b
}

// vmdk is a descriptor whose extent is a file of the host.
var vmdk = []byte("# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType=\"monolithicFlat\"\n\n# Extent description\nRW 2048 FLAT \"/etc/passwd\" 0\n\nddb.adapterType = \"ide\"\n")

// An image whose bytes are not what was declared is refused while it is
// uploaded, waits for other bytes, leaves none, and boots nothing.
func TestImageThatIsNotWhatItSays(t *testing.T) {
	w := newWorld(t)
	flavor := w.flavor()
	network, _ := w.blue.network("net", "10.0.0.0/24")
	for name, c := range map[string]struct {
		format string
		bytes  []byte
	}{
		"raw that is qcow2":               {"raw", qcow2("")},
		"qcow2 that is raw":               {"qcow2", imagetest.Disk(1 << 18)},
		"qcow2 over a file":               {"qcow2", qcow2("/etc/passwd")},
		"vmdk of a file":                  {"vmdk", vmdk},
		"raw that is vmdk":                {"raw", vmdk},
		"iso that is qcow2":               {"iso", qcow2("")},
		"qcow2 that is cut off":           {"qcow2", qcow2("")[:50]},
		"format that can name everything": {"vhdx", make([]byte, 1<<20)},
	} {
		t.Run(name, func(t *testing.T) {
			i := id(w.blue.call("POST", "/image/v2/images", object{"disk_format": c.format, "container_format": "bare"}, 201))
			r := w.blue.upload(i, c.bytes)
			require.Contains(t, []int{400, 415}, r.Status, "%s", r.Body)
			shown := w.blue.call("GET", "/image/v2/images/"+i, nil, 200)
			require.Equal(t, "queued", shown["status"])
			require.Nil(t, shown["size"])
			require.Nil(t, shown["checksum"])
			w.blue.Get("/image/v2/images/" + i + "/file").Want(204)
			refused := w.blue.Do("POST", "/compute/v2.1/servers", server("s", flavor, i, network, nil)).Want(400)
			require.Contains(t, string(refused.Body), "is not active")
			require.Empty(t, w.bytesOfImages(), "nothing is left of it")
		})
	}
	i := id(w.blue.call("POST", "/image/v2/images", object{"disk_format": "qcow2", "container_format": "bare"}, 201))
	w.blue.upload(i, qcow2("/etc/shadow")).Want(415)
	w.blue.upload(i, qcow2("")).Want(204)
	require.Equal(t, "active", w.blue.call("GET", "/image/v2/images/"+i, nil, 200)["status"])
	require.NotEmpty(t, w.bytesOfImages())
	w.whole()
}

// bytesOfImages lists the files that the image store has.
func (w *world) bytesOfImages() (found []string) {
	for _, folder := range files(w.t, filepath.Join(w.Dir(), "images")) {
		for _, file := range files(w.t, filepath.Join(w.Dir(), "images", folder)) {
			found = append(found, folder+"/"+file)
		}
	}
	return found
}
