package configdrive_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/kdomanski/iso9660"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/cumulite/cumulite/compute/configdrive"
)

func write(t require.TestingT, files map[string][]byte) []byte {
	var b bytes.Buffer
	require.NoError(t, configdrive.Write(&b, files))
	return b.Bytes()
}

// readPrimary reads the volume with a reader of others, which knows the
// primary tree.
func readPrimary(t require.TestingT, volume []byte) map[string][]byte {
	img, err := iso9660.OpenImage(bytes.NewReader(volume))
	require.NoError(t, err)
	label, err := img.Label()
	require.NoError(t, err)
	require.Equal(t, configdrive.Label, strings.TrimRight(label, " "))
	root, err := img.RootDir()
	require.NoError(t, err)
	files := map[string][]byte{}
	var walk func(prefix string, dir *iso9660.File)
	walk = func(prefix string, dir *iso9660.File) {
		children, err := dir.GetChildren()
		require.NoError(t, err)
		for _, c := range children {
			if c.IsDir() {
				walk(prefix+c.Name()+"/", c)
				continue
			}
			content, err := io.ReadAll(c.Reader())
			require.NoError(t, err)
			files[prefix+c.Name()] = content
		}
	}
	walk("", root)
	return files
}

// readJoliet walks the Joliet tree by the bytes of its specification.
func readJoliet(t require.TestingT, volume []byte) map[string][]byte {
	d := volume[17*2048:]
	require.Equal(t, "\x02CD001\x01", string(d[:7]))
	require.Equal(t, "%/E", string(d[88:91]))
	files := map[string][]byte{}
	var walk func(prefix string, record []byte)
	walk = func(prefix string, record []byte) {
		dir := extent(volume, record)
		for at := 0; at < len(dir); {
			n := int(dir[at])
			if n == 0 {
				at = (at/2048 + 1) * 2048
				continue
			}
			r := dir[at : at+n]
			at += n
			if r[32] == 1 && r[33] <= 1 {
				continue
			}
			name := ucs2(r[33 : 33+int(r[32])])
			if r[25]&2 != 0 {
				walk(prefix+name+"/", r)
			} else {
				files[prefix+strings.TrimSuffix(name, ";1")] = extent(volume, r)
			}
		}
	}
	walk("", d[156:190])
	return files
}

func extent(volume, record []byte) []byte {
	at, size := binary.LittleEndian.Uint32(record[2:]), binary.LittleEndian.Uint32(record[10:])
	return volume[at*2048:][:size]
}

func ucs2(p []byte) string {
	var units []uint16
	for i := 0; i < len(p); i += 2 {
		units = append(units, binary.BigEndian.Uint16(p[i:]))
	}
	return string(utf16.Decode(units))
}

func TestNamesAndContentSurvive(t *testing.T) {
	files := map[string][]byte{
		"openstack/latest/meta_data.json":    []byte(`{"hostname": "vm"}`),
		"openstack/latest/vendor_data2.json": []byte("{}"),
		"openstack/latest/user_data":         bytes.Repeat([]byte{0, 255}, 5000),
		"openstack/content/0000":             {},
		"ec2/latest/meta-data.json":          []byte("exactly one sector: " + strings.Repeat("x", 2028)),
	}
	volume := write(t, files)
	require.Equal(t, files, readPrimary(t, volume))
	require.Equal(t, files, readJoliet(t, volume))
	require.Zero(t, len(volume)%2048)
	require.Equal(t, volume, write(t, files), "the same files give the same bytes")
}

func TestDirectoryLargerThanASector(t *testing.T) {
	files := map[string][]byte{}
	for i := range 300 {
		files[fmt.Sprintf("many/file-with-a-rather-long-name-%03d", i)] = []byte{byte(i)}
	}
	volume := write(t, files)
	require.Equal(t, files, readPrimary(t, volume))
	require.Equal(t, files, readJoliet(t, volume))
}

func TestEmptyVolume(t *testing.T) {
	require.Empty(t, readJoliet(t, write(t, nil)))
}

func TestBadPathsAreRefused(t *testing.T) {
	for _, name := range []string{
		"", "/", "/abs", "a//b", "a/../b", "..", "a/", "a b", "a;1", "a\\b", "ä", "a\x00",
		strings.Repeat("n", 63), "1/2/3/4/5/6/7/8/9",
	} {
		err := configdrive.Write(io.Discard, map[string][]byte{name: nil})
		require.Error(t, err, "%q", name)
	}
	require.Error(t, configdrive.Write(io.Discard, map[string][]byte{"a": nil, "a/b": nil}))
	require.NoError(t, configdrive.Write(io.Discard, map[string][]byte{"1/2/3/4/5/6/7/" + strings.Repeat("n", 62): nil}))
}

func TestAnyTreeSurvives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfDistinct(rapid.StringMatching(`[a-z]{1,3}(/[a-zA-Z0-9_.-]{0,40}[a-z]){0,5}`), rapid.ID[string]).Draw(t, "names")
		files := map[string][]byte{}
		for i, name := range names {
			files["d"+fmt.Sprint(i)+"/"+name+"/f"] = rapid.SliceOfN(rapid.Byte(), 0, 5000).Draw(t, "content")
		}
		volume := write(t, files)
		got := readJoliet(t, volume)
		require.Len(t, got, len(files))
		for name, content := range files {
			require.True(t, bytes.Equal(content, got[name]), name)
		}
	})
}
