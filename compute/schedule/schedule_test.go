package schedule_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute/schedule"
	"github.com/cumulite/cumulite/platform/errs"
)

// host gives a healthy host with 8 processors, 16 GiB and 100 GiB.
func host(name string, change ...func(*schedule.Host)) schedule.Host {
	h := schedule.Host{Name: name, Zone: "nova", Arch: "x86_64", Formats: []string{"raw", "qcow2"}, Abilities: []string{"suspend"},
		Enabled: true, Up: true, Total: schedule.Amounts{VCPUs: 8, MemoryMiB: 16384, DiskGiB: 100}}
	for _, f := range change {
		f(&h)
	}
	return h
}

func names(hosts []schedule.Host, d schedule.Decision) []string {
	var out []string
	for _, i := range d.Candidates {
		out = append(out, hosts[i].Name)
	}
	return out
}

var small = schedule.Amounts{VCPUs: 1, MemoryMiB: 1024, DiskGiB: 10}

func TestEachFilterRefusesForItsReason(t *testing.T) {
	group := func(p schedule.Policy, limit int, members map[string]int) *schedule.Group {
		return &schedule.Group{Policy: p, MaxPerHost: limit, Members: members}
	}
	plain := func(*schedule.Host) {}
	for _, c := range []struct {
		name   string
		host   func(*schedule.Host)
		ask    schedule.Request
		reason schedule.Reason // "" is taken
	}{
		{"healthy", plain, schedule.Request{Need: small}, ""},
		{"disabled", func(h *schedule.Host) { h.Enabled = false }, schedule.Request{Need: small}, schedule.Disabled},
		{"down", func(h *schedule.Host) { h.Up = false }, schedule.Request{Need: small}, schedule.Down},
		{"same zone", plain, schedule.Request{Zone: "nova"}, ""},
		{"other zone", plain, schedule.Request{Zone: "west"}, schedule.OtherZone},
		{"other arch", plain, schedule.Request{Arch: "aarch64"}, schedule.OtherArch},
		{"format", plain, schedule.Request{Format: "vmdk"}, schedule.NoFormat},
		{"ability there", plain, schedule.Request{Abilities: []string{"suspend"}}, ""},
		{"ability missing", plain, schedule.Request{Abilities: []string{"suspend", "watch"}}, schedule.NoAbility},
		{"asked for", plain, schedule.Request{Host: "h"}, ""},
		{"another asked for", plain, schedule.Request{Host: "other"}, schedule.OtherHost},
		{"tried", plain, schedule.Request{Exclude: []string{"h"}}, schedule.Excluded},
		{"forced on a disabled host", func(h *schedule.Host) { h.Enabled = false }, schedule.Request{Host: "h", Force: true, Zone: "west"}, ""},
		{"forced on a dead host", func(h *schedule.Host) { h.Up = false }, schedule.Request{Host: "h", Force: true}, schedule.Down},
		{"forced on a full host", plain, schedule.Request{Host: "h", Force: true, Need: schedule.Amounts{DiskGiB: 101}}, schedule.NoDisk},
		{"vcpus four times over", func(h *schedule.Host) { h.Used.VCPUs = 31 }, schedule.Request{Need: small}, ""},
		{"vcpus used up", func(h *schedule.Host) { h.Used.VCPUs = 32 }, schedule.Request{Need: small}, schedule.NoVCPUs},
		{"larger than the machine", plain, schedule.Request{Need: schedule.Amounts{VCPUs: 9}}, schedule.NoVCPUs},
		{"memory reserved", func(h *schedule.Host) { h.Reserved.MemoryMiB = 512 }, schedule.Request{Need: schedule.Amounts{MemoryMiB: 15873}}, schedule.NoMemory},
		{"memory to the last", func(h *schedule.Host) { h.Reserved.MemoryMiB = 512 }, schedule.Request{Need: schedule.Amounts{MemoryMiB: 15872}}, ""},
		{"memory stretched", func(h *schedule.Host) { h.Ratios.Memory = 1.5; h.Used.MemoryMiB = 16384 }, schedule.Request{Need: small}, ""},
		{"disk full", func(h *schedule.Host) { h.Used.DiskGiB = 91 }, schedule.Request{Need: small}, schedule.NoDisk},
		{"overfull, but nothing needed of it", func(h *schedule.Host) { h.Used.DiskGiB = 200 }, schedule.Request{Need: schedule.Amounts{VCPUs: 1}}, ""},
		{"first of affinity", plain, schedule.Request{Group: group(schedule.Affinity, 0, nil)}, ""},
		{"affinity elsewhere", plain, schedule.Request{Group: group(schedule.Affinity, 0, map[string]int{"x": 1})}, schedule.NotWithGroup},
		{"affinity here", plain, schedule.Request{Group: group(schedule.Affinity, 0, map[string]int{"h": 1})}, ""},
		{"anti-affinity elsewhere", plain, schedule.Request{Group: group(schedule.AntiAffinity, 0, map[string]int{"x": 1})}, ""},
		{"anti-affinity here", plain, schedule.Request{Group: group(schedule.AntiAffinity, 0, map[string]int{"h": 1})}, schedule.TooManyThere},
		{"anti-affinity with room", plain, schedule.Request{Group: group(schedule.AntiAffinity, 2, map[string]int{"h": 1})}, ""},
		{"soft affinity elsewhere", plain, schedule.Request{Group: group(schedule.SoftAffinity, 0, map[string]int{"x": 1})}, ""},
		{"soft anti-affinity here", plain, schedule.Request{Group: group(schedule.SoftAntiAffinity, 0, map[string]int{"h": 1})}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := schedule.Choose([]schedule.Host{host("h", c.host)}, c.ask)
			if c.reason == "" {
				require.NoError(t, err)
				require.Equal(t, []int{0}, d.Candidates)
				return
			}
			require.True(t, errs.Is(err, errs.Exhausted))
			require.Equal(t, []schedule.Refusal{{Host: "h", Reason: c.reason}}, d.Refused)
		})
	}
}

func TestNoHostSaysWhyOnlyToTheLog(t *testing.T) {
	hosts := []schedule.Host{host("a", func(h *schedule.Host) { h.Up = false }), host("b", func(h *schedule.Host) { h.Up = false }), host("c")}
	_, err := schedule.Choose(hosts, schedule.Request{Need: schedule.Amounts{DiskGiB: 1000}})
	require.Equal(t, "No valid host was found. There are not enough hosts available.", errs.Message(err))
	require.EqualError(t, errors.Unwrap(err), "not enough disk (1), the host is down (2)")

	_, err = schedule.Choose(nil, schedule.Request{})
	require.True(t, errs.Is(err, errs.Exhausted))
	require.EqualError(t, errors.Unwrap(err), "there are no hosts")
}

func TestTheEmptiestHostComesFirst(t *testing.T) {
	used := func(n int) func(*schedule.Host) {
		return func(h *schedule.Host) { h.Used = schedule.Amounts{VCPUs: n, MemoryMiB: n * 1024, DiskGiB: n} }
	}
	hosts := []schedule.Host{host("full", used(7)), host("empty", used(0)), host("half", used(3))}
	d, err := schedule.Choose(hosts, schedule.Request{Need: small})
	require.NoError(t, err)
	require.Equal(t, []string{"empty", "half", "full"}, names(hosts, d))

	d, err = schedule.Choose(hosts, schedule.Request{Need: small, Limit: 2})
	require.NoError(t, err)
	require.Equal(t, []string{"empty", "half"}, names(hosts, d))
}

func TestSoftGroupsDrawAndPush(t *testing.T) {
	hosts := []schedule.Host{host("a"), host("b"), host("c")}
	ask := schedule.Request{Need: small, Group: &schedule.Group{Policy: schedule.SoftAffinity, Members: map[string]int{"b": 2, "c": 1}}}
	d, err := schedule.Choose(hosts, ask)
	require.NoError(t, err)
	require.Equal(t, []string{"b", "c", "a"}, names(hosts, d))

	ask.Group.Policy = schedule.SoftAntiAffinity
	d, err = schedule.Choose(hosts, ask)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "c", "b"}, names(hosts, d))
}

func TestSeedsSpreadEqualHosts(t *testing.T) {
	hosts := []schedule.Host{host("a"), host("b"), host("c"), host("d")}
	first := map[string]bool{}
	for seed := range uint64(64) {
		d, err := schedule.Choose(hosts, schedule.Request{Need: small, Seed: seed})
		require.NoError(t, err)
		first[names(hosts, d)[0]] = true
	}
	require.Len(t, first, 4)
}

func TestTheSameQuestionHasTheSameAnswerInAnyOrderOfHosts(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	for range 200 {
		hosts := crowd(rnd, 1+rnd.IntN(30))
		ask := question(rnd, hosts)
		d, err := schedule.Choose(hosts, ask)
		again, err2 := schedule.Choose(hosts, ask)
		require.Equal(t, d, again)
		require.Equal(t, err, err2)

		shuffled := slices.Clone(hosts)
		rnd.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		other, _ := schedule.Choose(shuffled, ask)
		require.Equal(t, names(hosts, d), names(shuffled, other))
	}
}

func TestNothingIsEverGivenTwice(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 2))
	for range 50 {
		hosts := crowd(rnd, 1+rnd.IntN(10))
		placed := 0
		for range 200 {
			ask := question(rnd, hosts)
			d, err := schedule.Choose(hosts, ask)
			require.Equal(t, len(hosts), len(d.Candidates)+len(d.Refused), "every host is a candidate or refused")
			if err != nil {
				continue
			}
			hosts[d.Candidates[0]].Take(ask.Need)
			placed++
		}
		for i := range hosts {
			free := hosts[i].Free()
			require.GreaterOrEqual(t, min(free.VCPUs, free.MemoryMiB, free.DiskGiB), 0, "%+v after %d servers", hosts[i], placed)
		}
	}
}

// crowd gives n hosts of random size, some of them not to be used.
func crowd(rnd *rand.Rand, n int) []schedule.Host {
	hosts := make([]schedule.Host, n)
	for i := range hosts {
		hosts[i] = host(fmt.Sprintf("host%04d", i), func(h *schedule.Host) {
			h.Total = schedule.Amounts{VCPUs: 1 + rnd.IntN(64), MemoryMiB: 1024 * (1 + rnd.IntN(256)), DiskGiB: 10 * (1 + rnd.IntN(100))}
			h.Zone = fmt.Sprintf("az%d", rnd.IntN(3))
			h.Enabled, h.Up = rnd.IntN(10) > 0, rnd.IntN(10) > 0
			h.Ratios.VCPUs = 1 + rnd.Float64()*15
		})
	}
	return hosts
}

func question(rnd *rand.Rand, hosts []schedule.Host) schedule.Request {
	r := schedule.Request{Need: schedule.Amounts{VCPUs: 1 + rnd.IntN(8), MemoryMiB: 512 * (1 + rnd.IntN(32)), DiskGiB: rnd.IntN(50)}, Seed: rnd.Uint64()}
	if rnd.IntN(2) == 0 {
		r.Zone = fmt.Sprintf("az%d", rnd.IntN(3))
	}
	if rnd.IntN(5) == 0 {
		r.Host, r.Force = hosts[rnd.IntN(len(hosts))].Name, rnd.IntN(2) == 0
	}
	return r
}

func BenchmarkChoose(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			hosts := crowd(rand.New(rand.NewPCG(1, 2)), n)
			ask := schedule.Request{Need: small, Arch: "x86_64", Format: "qcow2", Limit: 3}
			for b.Loop() {
				if _, err := schedule.Choose(hosts, ask); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
