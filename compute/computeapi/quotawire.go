package computeapi

import (
	"maps"

	"github.com/cumulite/cumulite/platform/quota"
)

// serverQuotas are a T for each resource of compute: a limit, a limit with
// what is used of it, or a limit that may be left out.
type serverQuotas[T any] struct {
	Instances     T `json:"instances" api:"max=2147483647"`
	Cores         T `json:"cores" api:"max=2147483647"`
	RAM           T `json:"ram" api:"max=2147483647"`
	MetadataItems T `json:"metadata_items" api:"max=2147483647"`
	Keypairs      T `json:"key_pairs" api:"max=2147483647"`
	Files         T `json:"injected_files" until:"2.56" api:"max=2147483647"`
	FileBytes     T `json:"injected_file_content_bytes" until:"2.56" api:"max=2147483647"`
	FilePath      T `json:"injected_file_path_bytes" until:"2.56" api:"max=2147483647"`
}

func (q *serverQuotas[T]) byName() map[quota.Resource]*T {
	return map[quota.Resource]*T{"instances": &q.Instances, "cores": &q.Cores, "ram": &q.RAM, "metadata_items": &q.MetadataItems, "key_pairs": &q.Keypairs,
		"injected_files": &q.Files, "injected_file_content_bytes": &q.FileBytes, "injected_file_path_bytes": &q.FilePath}
}

// quotaSet is a T for each resource that a project's quotas ever had: those of
// the network were compute's once, and have no limit here.
type quotaSet[T any] struct {
	serverQuotas[T]
	Groups       T `json:"server_groups" api:"max=2147483647"`
	GroupMembers T `json:"server_group_members" api:"max=2147483647"`
	FixedIPs     T `json:"fixed_ips" until:"2.35" api:"max=2147483647"`
	FloatingIPs  T `json:"floating_ips" until:"2.35" api:"max=2147483647"`
	SecGroups    T `json:"security_groups" until:"2.35" api:"max=2147483647"`
	SecRules     T `json:"security_group_rules" until:"2.35" api:"max=2147483647"`
}

func (q *quotaSet[T]) byName() map[quota.Resource]*T {
	all := map[quota.Resource]*T{"server_groups": &q.Groups, "server_group_members": &q.GroupMembers,
		"fixed_ips": &q.FixedIPs, "floating_ips": &q.FloatingIPs, "security_groups": &q.SecGroups, "security_group_rules": &q.SecRules}
	maps.Copy(all, q.serverQuotas.byName())
	return all
}

// quotaClass is a T for each resource of a quota class, which had them in
// other microversions than projects.
type quotaClass[T any] struct {
	serverQuotas[T]
	Groups       T `json:"server_groups" since:"2.50" api:"max=2147483647"`
	GroupMembers T `json:"server_group_members" since:"2.50" api:"max=2147483647"`
	FixedIPs     T `json:"fixed_ips" until:"2.49" api:"max=2147483647"`
	FloatingIPs  T `json:"floating_ips" until:"2.49" api:"max=2147483647"`
	SecGroups    T `json:"security_groups" until:"2.49" api:"max=2147483647"`
	SecRules     T `json:"security_group_rules" until:"2.49" api:"max=2147483647"`
}

func (q *quotaClass[T]) byName() map[quota.Resource]*T {
	all := map[quota.Resource]*T{"server_groups": &q.Groups, "server_group_members": &q.GroupMembers,
		"fixed_ips": &q.FixedIPs, "floating_ips": &q.FloatingIPs, "security_groups": &q.SecGroups, "security_group_rules": &q.SecRules}
	maps.Copy(all, q.serverQuotas.byName())
	return all
}

// fill sets each field to what its resource has, or to none.
func fill[T, V any](fields map[quota.Resource]*T, values map[quota.Resource]V, show func(V) T, none T) {
	for name, field := range fields {
		*field = none
		if v, is := values[name]; is {
			*field = show(v)
		}
	}
}

// named gives the limits that an update names, without those of the network.
func named(fields map[quota.Resource]**integer, known map[quota.Resource]int) map[quota.Resource]int {
	limits := map[quota.Resource]int{}
	for name, field := range fields {
		if _, is := known[name]; is && *field != nil {
			limits[name] = int(**field)
		}
	}
	return limits
}
