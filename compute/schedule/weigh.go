package schedule

import (
	"cmp"
	"hash/fnv"
	"slices"
)

// weighed is a candidate with its weight.
type weighed struct {
	index  int
	weight float64
	tie    uint64
}

// order sorts the candidates by weight, best first. Each measure counts from 0
// for the least of the candidates to 1 for the most, so that none drowns the others.
func order(hosts []Host, candidates []int, r *Request) {
	list := make([]weighed, len(candidates))
	for n, i := range candidates {
		list[n] = weighed{index: i, tie: tie(r.Seed, hosts[i].Name)}
	}
	add(list, func(i int) int { return hosts[i].Free().VCPUs })
	add(list, func(i int) int { return hosts[i].Free().MemoryMiB })
	add(list, func(i int) int { return hosts[i].Free().DiskGiB })
	if g := r.Group; g != nil && g.Policy == SoftAffinity {
		add(list, func(i int) int { return g.Members[hosts[i].Name] })
	}
	if g := r.Group; g != nil && g.Policy == SoftAntiAffinity {
		add(list, func(i int) int { return -g.Members[hosts[i].Name] })
	}
	slices.SortFunc(list, func(a, b weighed) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(a.tie, b.tie), cmp.Compare(hosts[a.index].Name, hosts[b.index].Name))
	})
	for n := range list {
		candidates[n] = list[n].index
	}
}

// add gives each candidate its share of a measure.
func add(list []weighed, measure func(i int) int) {
	values := make([]int, len(list))
	for n := range list {
		values[n] = measure(list[n].index)
	}
	low, high := slices.Min(values), slices.Max(values)
	if low == high {
		return
	}
	for n, v := range values {
		list[n].weight += float64(v-low) / float64(high-low)
	}
}

// tie orders hosts of equal weight differently for each seed, and whatever the
// order they are listed in.
func tie(seed uint64, name string) uint64 {
	h := fnv.New64a()
	var b [8]byte
	for n := range b {
		b[n] = byte(seed >> (8 * n))
	}
	_, _ = h.Write(b[:])
	_, _ = h.Write([]byte(name))
	return h.Sum64()
}
