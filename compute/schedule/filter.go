package schedule

import "slices"

// Reason is why a host cannot take a server, in words for an operator.
type Reason string

// The reasons.
const (
	Down         Reason = "the host is down"
	Disabled     Reason = "the host is disabled"
	OtherHost    Reason = "another host was asked for"
	Excluded     Reason = "the host was tried or left before"
	OtherZone    Reason = "the availability zone is another"
	OtherArch    Reason = "the architecture is another"
	NoFormat     Reason = "the image format cannot boot there"
	NoAbility    Reason = "the host lacks an ability"
	NoVCPUs      Reason = "not enough vcpus"
	NoMemory     Reason = "not enough memory"
	NoDisk       Reason = "not enough disk"
	NotWithGroup Reason = "the members of the server group are elsewhere"
	TooManyThere Reason = "the server group has its members there already"
)

// refuse gives the first reason against h, "" without one. Cheap and common
// reasons come first.
func refuse(h *Host, r *Request) Reason {
	if reason := byChoice(h, r); reason != "" {
		return reason
	}
	if reason := byNature(h, r); reason != "" {
		return reason
	}
	return byCapacity(h, r)
}

// byChoice is what people decided, and an administrator can overrule.
func byChoice(h *Host, r *Request) Reason {
	switch {
	case r.Host != "" && r.Host != h.Name:
		return OtherHost
	case slices.Contains(r.Exclude, h.Name):
		return Excluded
	case r.Force && r.Host != "":
		return ""
	case !h.Enabled:
		return Disabled
	case r.Zone != "" && r.Zone != h.Zone:
		return OtherZone
	}
	return byGroup(h, r.Group)
}

func byGroup(h *Host, g *Group) Reason {
	switch {
	case g == nil:
		return ""
	case g.Policy == Affinity && len(g.Members) > 0 && g.Members[h.Name] == 0:
		return NotWithGroup
	case g.Policy == AntiAffinity && g.Members[h.Name] >= max(1, g.MaxPerHost):
		return TooManyThere
	}
	return ""
}

// byNature is what the host cannot do.
func byNature(h *Host, r *Request) Reason {
	switch {
	case !h.Up:
		return Down
	case r.Arch != "" && r.Arch != h.Arch:
		return OtherArch
	case r.Format != "" && !slices.Contains(h.Formats, r.Format):
		return NoFormat
	}
	for _, a := range r.Abilities {
		if !slices.Contains(h.Abilities, a) {
			return NoAbility
		}
	}
	return ""
}

// byCapacity is what the host has no room for. A single server may not have
// more processors, memory or disk than the machine itself, whatever the ratios.
func byCapacity(h *Host, r *Request) Reason {
	free := h.Free()
	switch {
	case r.Need.VCPUs > min(free.VCPUs, h.Total.VCPUs) && r.Need.VCPUs > 0:
		return NoVCPUs
	case r.Need.MemoryMiB > min(free.MemoryMiB, h.Total.MemoryMiB) && r.Need.MemoryMiB > 0:
		return NoMemory
	case r.Need.DiskGiB > min(free.DiskGiB, h.Total.DiskGiB) && r.Need.DiskGiB > 0:
		return NoDisk
	}
	return ""
}
