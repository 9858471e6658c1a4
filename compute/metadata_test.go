package compute_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/secret"
)

func TestGuestIsToldWhatItIs(t *testing.T) {
	w := newWorld(t).run(t)
	_, _, err := w.CreateKeypair(member(t), compute.CreateKeypair{Name: "key", PublicKey: ed25519Key})
	require.NoError(t, err)
	s := w.server(t, func(in *compute.CreateServer) {
		in.Name, in.KeyName, in.ConfigDrive, in.Metadata = "My Guest", "key", true, map[string]string{"role": "db"}
		in.UserData = secret.New(base64.StdEncoding.EncodeToString([]byte("#!/bin/sh\n")))
		in.Personality = []compute.File{{Path: "/etc/motd", Content: []byte("hello")}}
		in.Networks = compute.RequestedNetworks{Mode: compute.NetworksListed, List: []compute.RequestedNetwork{{NetworkID: w.netID, Tag: "front"}}}
	})
	require.Equal(t, "ACTIVE", s.Status(), "%+v", s.Fault)
	told := func(path string) []byte {
		content, _ := w.nics["hv1"].Metadata(s.Interfaces[0].PortID, path)
		return content
	}
	var doc map[string]any
	require.NoError(t, json.Unmarshal(told("openstack/latest/meta_data.json"), &doc))
	for key, want := range map[string]any{
		"uuid": s.ID, "name": "My Guest", "hostname": "my-guest.novalocal", "launch_index": 0.0, "availability_zone": "nova", "project_id": "p1",
		"meta": map[string]any{"role": "db"}, "public_keys": map[string]any{"key": ed25519Key},
		"keys":  []any{map[string]any{"name": "key", "type": "ssh", "data": ed25519Key}},
		"files": []any{map[string]any{"content_path": "/content/0000", "path": "/etc/motd"}},
	} {
		require.Equal(t, want, doc[key], key)
	}
	seed, err := base64.StdEncoding.DecodeString(doc["random_seed"].(string))
	require.NoError(t, err)
	require.Len(t, seed, 512)
	require.Equal(t, []any{"front"}, doc["devices"].([]any)[0].(map[string]any)["tags"])
	ports := w.ports(t)
	for path, want := range map[string]string{
		"openstack/latest/user_data": "#!/bin/sh\n", "latest/user-data": "#!/bin/sh\n", "openstack/content/0000": "hello", "openstack/latest/vendor_data.json": "{}",
		"latest/meta-data/instance-id": "i-00000001", "latest/meta-data/instance-type": "small", "latest/meta-data/local-hostname": "my-guest.novalocal",
		"latest/meta-data/local-ipv4": ports[0].Addresses[0].IP.String(), "latest/meta-data/public-ipv4": "", "latest/meta-data/security-groups": "default", "latest/meta-data/public-keys/0/openssh-key": ed25519Key,
		"2009-04-04/meta-data/placement/availability-zone": "nova", "latest/meta-data/ami-id": "ami-" + w.image[:8], "latest/meta-data/reservation-id": s.ReservationID,
	} {
		require.Equal(t, want, string(told(path)), path)
	}
	require.Contains(t, string(told("openstack/latest/network_data.json")), `"ethernet_mac_address":"`+ports[0].MAC+`"`)

	view, _ := w.states["hv1"].View(s.ID)
	require.Equal(t, "hello", string(view.Spec.ConfigDrive["openstack/content/0000"]))
	for path := range view.Spec.ConfigDrive {
		require.True(t, strings.HasPrefix(path, "openstack/"), path)
	}
}

func TestMetadataIsForServices(t *testing.T) {
	w := newWorld(t).run(t)
	s := w.server(t)
	_, err := w.Metadata(admin(t), s.ID)
	refused(t, errs.Forbidden, err)
	_, err = w.Metadata(auth.AsService(t.Context(), "network"), "none")
	refused(t, errs.NotFound, err)
}
