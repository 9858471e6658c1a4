// Package computetest is the conformance suite for compute.Hypervisor. A
// driver's test calls Run; every case says which sentence of the contract it
// holds, and runs against the driver itself and through platform/rpc.
package computetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/compute/computerpc"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/rpc"
)

// Harness is one machine without guests, of the technology under test.
type Harness struct {
	// Open gives a driver for the machine that gets its images from images.
	// Called again it is the driver after a restart.
	Open func(t *testing.T, images compute.Images) compute.Hypervisor
	// Inspect looks at the machine, past the driver, for what a guest has.
	Inspect func(t *testing.T, id string) View
	// Leftovers names what is on the machine for guests, half-made ones too.
	Leftovers func(t *testing.T) []string
	// PowerOff has a running guest shut itself down, without the driver.
	PowerOff func(t *testing.T, id string)
	// OS stores an image whose guest prints "GUEST-READY hostname=" and its
	// name, obeys its power button with "GUEST-POWERBUTTON", and lets go of
	// interfaces. Nil: the driver's guests do so whatever they boot.
	OS func(t *testing.T, images *Images) compute.ImageSpec
}

// View is what a machine has for a guest.
type View struct {
	VCPUs       int
	MemoryMiB   int
	RootBytes   int64 // 0: no root disk
	MACs        []string
	ConfigDrive map[string][]byte
}

// Run runs the suite; newHarness is called for each case.
func Run(t *testing.T, newHarness func(t *testing.T) Harness) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Run("direct", func(t *testing.T) { c.run(t, newHarness(t), direct) })
			t.Run("rpc", func(t *testing.T) { c.run(t, newHarness(t), throughRPC) })
		})
	}
}

// testCase holds one promise of the contract.
type testCase struct {
	name    string
	promise string // of the contract, as it is shown when the case fails
	test    func(s *suite)
}

var cases = concat(lifeCases, stateCases, repeatCases, diskCases, nicCases, abilityCases)

func concat(groups ...[]testCase) (all []testCase) {
	for _, g := range groups {
		all = append(all, g...)
	}
	return all
}

func (c testCase) run(t *testing.T, h Harness, via func(*testing.T, compute.Hypervisor) compute.Hypervisor) {
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("the contract says: " + c.promise)
		}
	})
	s := &suite{T: t, machine: h, images: NewImages(), via: via}
	s.restart()
	t.Cleanup(s.clear)
	c.test(s)
}

func direct(_ *testing.T, h compute.Hypervisor) compute.Hypervisor { return h }

func throughRPC(t *testing.T, h compute.Hypervisor) compute.Hypervisor {
	info, err := h.Describe(t.Context())
	require.NoError(t, err)
	mux := rpc.NewMux()
	computerpc.Serve(t.Context(), mux, h)
	return computerpc.Client(rpc.InProcess(mux, nil), info.Abilities)
}

// suite is what a case works with: the machine, and the driver that it has now.
type suite struct {
	*testing.T
	compute.Hypervisor
	machine Harness
	images  *Images
	via     func(*testing.T, compute.Hypervisor) compute.Hypervisor
	ops     int
	made    int
}

// restart replaces the driver by a new one over the same machine.
func (s *suite) restart() { s.Hypervisor = s.via(s.T, s.machine.Open(s.T, s.images)) }

// clear removes what a failed case left behind.
func (s *suite) clear() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	guests, err := s.Guests(ctx)
	require.NoError(s, err)
	for _, g := range guests {
		require.NoError(s, s.Remove(ctx, s.op(), g.ID))
	}
}

// op gives an operation id of its own.
func (s *suite) op() string {
	s.ops++
	return fmt.Sprintf("op-%d", s.ops)
}

// spec gives a small guest over image.
func (s *suite) spec(image compute.ImageSpec) compute.GuestSpec {
	s.made++
	return compute.GuestSpec{
		ID: uuid.NewString(), Name: fmt.Sprintf("test-%s", uuid.NewString()[:8]), Hostname: fmt.Sprintf("vm-%d", s.made),
		VCPUs: 1, MemoryMiB: 64, RootGiB: 1, Image: image,
	}
}

// empty gives a small guest that has nothing to boot from: it runs all the same.
func (s *suite) empty() compute.GuestSpec { return s.spec(compute.ImageSpec{}) }

func (s *suite) created(spec compute.GuestSpec) compute.GuestSpec {
	s.Helper()
	require.NoError(s, s.Create(s.Context(), s.op(), spec))
	return spec
}

func (s *suite) started(spec compute.GuestSpec) compute.GuestSpec {
	s.Helper()
	s.created(spec)
	require.NoError(s, s.Start(s.Context(), s.op(), spec))
	return spec
}

func (s *suite) os() compute.ImageSpec {
	if s.machine.OS == nil {
		return s.images.Bootable()
	}
	return s.machine.OS(s.T, s.images)
}

// requirePower says in which state the host lists a guest.
func (s *suite) requirePower(id string, want compute.PowerState) {
	s.Helper()
	guests, err := s.Guests(s.Context())
	require.NoError(s, err)
	require.Contains(s, guests, compute.Guest{ID: id, Power: want})
}

// requireGone says that nothing of any guest is left.
func (s *suite) requireGone() {
	s.Helper()
	guests, err := s.Guests(s.Context())
	require.NoError(s, err)
	require.Empty(s, guests)
	require.Empty(s, s.machine.Leftovers(s.T))
}

func (s *suite) requireKind(want errs.Kind, err error) {
	s.Helper()
	require.Error(s, err)
	require.Equal(s, want, errs.KindOf(err), "%v", err)
}

// eventually waits for what the guest does in its own time.
func (s *suite) eventually(what string, ok func() bool) {
	s.Helper()
	require.Eventually(s, ok, time.Minute, 20*time.Millisecond, what)
}

func nic(n int) compute.NIC {
	return compute.NIC{PortID: uuid.NewString(), MAC: fmt.Sprintf("fa:16:3e:00:00:%02x", n), Type: "sim", MTU: 1450}
}
