package computetest

import (
	"strings"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/errs"
)

var diskCases = []testCase{
	{"size of the root disk", "RootGiB 0 is as large as the image; without an image the root disk is empty", testRootSize},
	{"disks are kept", "disks that are there already are kept as they are", testDisksKept},
	{"images that cannot be", "a format or size that cannot be, bytes that are not the image's: Invalid or NotSupported", testBadImages},
	{"specs that cannot be", "what a repeat cannot mend is errs.Invalid", testBadSpecs},
	{"config drive", "the content by path is what the guest finds on its config drive", testConfigDrive},
}

func testRootSize(s *suite) {
	for root, want := range map[int]int64{0: 1 << 20, 1: 1 << 30, 3: 3 << 30} {
		spec := s.spec(s.images.Bootable())
		spec.RootGiB = root
		s.created(spec)
		require.Equal(s, want, s.machine.Inspect(s.T, spec.ID).RootBytes)
	}
	for root, want := range map[int]int64{0: 0, 2: 2 << 30} {
		spec := s.empty()
		spec.RootGiB = root
		s.created(spec)
		require.Equal(s, want, s.machine.Inspect(s.T, spec.ID).RootBytes)
	}
}

func testDisksKept(s *suite) {
	spec := s.created(s.spec(s.images.Bootable()))
	opens := s.images.Opens(spec.Image.ID)
	larger := spec
	larger.RootGiB = 2
	require.NoError(s, s.Create(s.Context(), s.op(), larger))
	require.NoError(s, s.Start(s.Context(), s.op(), spec))
	s.waitReady(spec.ID, 1)
	require.Equal(s, opens, s.images.Opens(spec.Image.ID))
}

func testBadImages(s *suite) {
	refused := map[errs.Kind]func(spec *compute.GuestSpec){
		errs.NotSupported: func(spec *compute.GuestSpec) { spec.Image.Format = "ploop" },
		errs.Invalid:      func(spec *compute.GuestSpec) { spec.Image.VirtualSize = 2 << 30 },
		errs.NotFound:     func(spec *compute.GuestSpec) { spec.Image.ID = uuid.NewString() },
	}
	for kind, spoil := range refused {
		spec := s.spec(s.images.Bootable())
		spoil(&spec)
		s.requireKind(kind, s.Create(s.Context(), s.op(), spec))
		require.NoError(s, s.Remove(s.Context(), s.op(), spec.ID))
	}
	s.requireGone()

	other := s.spec(s.images.Bootable())
	other.Image.Checksum = strings.Repeat("ab", 64)
	s.requireKind(errs.Invalid, s.Create(s.Context(), s.op(), other))
	cut := s.spec(s.images.Bootable())
	cut.Image.Size += 512
	s.requireKind(errs.Unavailable, s.Create(s.Context(), s.op(), cut))
	long := s.spec(s.images.Bootable())
	long.Image.Size -= 512
	s.requireKind(errs.Invalid, s.Create(s.Context(), s.op(), long))
	for _, spec := range []compute.GuestSpec{other, cut, long} {
		require.NoError(s, s.Remove(s.Context(), s.op(), spec.ID))
	}
	s.requireGone()
}

func testBadSpecs(s *suite) {
	for name, spoil := range map[string]func(*compute.GuestSpec){
		"id":     func(g *compute.GuestSpec) { g.ID = "../escape" },
		"name":   func(g *compute.GuestSpec) { g.Name = "<domain>" },
		"memory": func(g *compute.GuestSpec) { g.MemoryMiB = 0 },
		"disk":   func(g *compute.GuestSpec) { g.EphemeralGiB = -1 },
		"mac":    func(g *compute.GuestSpec) { g.NICs = []compute.NIC{{PortID: uuid.NewString(), MAC: "none"}} },
	} {
		spec := s.empty()
		spoil(&spec)
		err := s.Create(s.Context(), s.op(), spec)
		require.Equal(s, errs.Invalid, errs.KindOf(err), "%s: %v", name, err)
		err = s.Start(s.Context(), s.op(), spec)
		require.Equal(s, errs.Invalid, errs.KindOf(err), "%s: %v", name, err)
	}
	s.requireGone()
}

func testConfigDrive(s *suite) {
	spec := s.empty()
	spec.ConfigDrive = map[string][]byte{
		"openstack/latest/meta_data.json":     []byte(`{"hostname": "vm"}`),
		"openstack/latest/network_data.json":  []byte(`{}`),
		"openstack/latest/user_data":          []byte("#!/bin/sh\x00\xff binary too\n"),
		"openstack/2018-08-27/meta_data.json": []byte(strings.Repeat("long ", 10_000)),
		"openstack/content/0000":              {},
		"ec2/latest/meta-data.json":           []byte(`{"instance-id": "i-1"}`),
	}
	s.created(spec)
	require.Equal(s, spec.ConfigDrive, s.machine.Inspect(s.T, spec.ID).ConfigDrive)

	without := s.created(s.empty())
	require.Nil(s, s.machine.Inspect(s.T, without.ID).ConfigDrive)
}
