package computeapi

import (
	"context"
	"slices"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/httpapi"
)

// serverView shows a page of servers: it holds all that the page needs beside
// the rows, asked for once for all of them.
type serverView struct {
	h           handler
	r           *httpapi.Request
	attachments map[string][]network.Attachment  // by server
	groups      map[string][]string              // ids of server groups by server; nil in lists
	userData    map[string]string                // by server; nil for those who may not see it
	secGroups   map[string]network.SecurityGroup // by id
	hosts       map[string]string                // status by host; nil for those who may not see it
	placed      bool                             // who asks may see where servers are
	specs       bool                             // and the extra specs of flavors
	details     bool                             // and the details of faults
}

// viewOf prepares to show servers in full.
func (h handler) viewOf(r *httpapi.Request, servers []compute.Server) (v *serverView, err error) {
	v = &serverView{h: h, r: r,
		placed:  h.compute.Allows(r.Ctx(), compute.ActionServerAttributes, ""),
		specs:   h.compute.Allows(r.Ctx(), compute.ActionServerExtraSpecs, ""),
		details: h.compute.Allows(r.Ctx(), compute.ActionActionsDetails, ""),
	}
	if v.attachments, err = h.compute.Addresses(r.Ctx(), servers); err != nil {
		return nil, err
	}
	if v.secGroups, err = h.compute.SecurityGroupsOf(r.Ctx(), v.attachments); err != nil {
		return nil, err
	}
	if v.placed && r.Version.AtLeast(httpapi.V("2.3")) {
		if v.userData, err = h.compute.UserDataOf(r.Ctx(), servers); err != nil {
			return nil, err
		}
	}
	if r.Version.AtLeast(httpapi.V("2.16")) && h.compute.Allows(r.Ctx(), compute.ActionServerHostStatus, "") && h.compute.Allows(r.Ctx(), compute.ActionServiceList, "") {
		v.hosts, err = h.hostStatuses(r.Ctx(), servers)
	}
	return v, err
}

// viewOne prepares to show one server, with the groups that lists leave out.
func (h handler) viewOne(r *httpapi.Request, s *compute.Server) (v *serverView, err error) {
	if v, err = h.viewOf(r, []compute.Server{*s}); err != nil {
		return nil, err
	}
	v.groups, err = h.compute.GroupsOf(r.Ctx(), []string{s.ID})
	return v, err
}

func (h handler) hostStatuses(ctx context.Context, servers []compute.Server) (map[string]string, error) {
	hosts, err := h.compute.HostsOfServers(ctx, servers)
	statuses := make(map[string]string, len(hosts))
	for n := range hosts {
		statuses[hosts[n].Name] = hostStatus(&hosts[n])
	}
	return statuses, err
}

// hostStatus is how a host is for the servers on it.
func hostStatus(host *compute.Host) string {
	switch {
	case host.ForcedDown:
		return "DOWN"
	case host.Disabled:
		return "MAINTENANCE" // whether it answers or not
	case !host.Up():
		return "UNKNOWN"
	}
	return "UP"
}

func (h handler) briefServer(s *compute.Server) serverBrief {
	return serverBrief{ID: s.ID, Name: s.Name, Links: h.links("/servers/" + s.ID)}
}

// core shows what every answer has.
func (v *serverView) core(s *compute.Server, addresses any) serverCore {
	out := serverCore{serverBrief: v.h.briefServer(s), Status: s.Status(), TenantID: s.ProjectID, UserID: s.UserID, Metadata: s.Metadata, HostID: s.HostID(),
		Image: v.image(s), Flavor: v.flavor(s), Created: zoned(s.CreatedAt), Updated: zoned(s.UpdatedAt), Addresses: addresses,
		AccessIPv4: s.AccessIPv4, AccessIPv6: s.AccessIPv6, DiskConfig: s.DiskConfig, Locked: s.Locked, Description: s.Description, Tags: s.Tags, LockedReason: s.LockedReason}
	switch out.Status {
	case "ACTIVE", "BUILD", "REBUILD":
		out.Progress = &s.Progress
	case "ERROR", "DELETED":
		out.Fault = v.fault(s.Fault)
	}
	if v.groups != nil {
		groups := append([]string{}, v.groups[s.ID]...)
		out.Groups = &groups
	}
	return out
}

// full shows a server as the one who asks may see it.
func (v *serverView) full(s *compute.Server) any {
	out := serverShape{serverCore: v.core(s, addresses(v.attachments[s.ID])), Zone: s.Zone, KeyName: ref(s.KeyName),
		LaunchedAt: naiveRef(s.LaunchedAt), TerminatedAt: naiveRef(s.TerminatedAt), TaskState: ref(string(s.Task)), VMState: string(s.VM),
		PowerState: int(s.Power), PinnedZone: ref(s.RequestedZone)}
	if s.ConfigDrive {
		out.ConfigDrive = "True"
	}
	out.SecGroups = v.groupNames(s)
	if v.hosts != nil {
		status := v.hosts[s.Host]
		out.HostStatus = &status
	}
	if !v.placed {
		return ownServer{out, s.Hostname}
	}
	return placedServer{serverShape: out, Host: ref(s.Host), Hypervisor: ref(s.Host), InstanceName: s.InstanceName(), Hostname: s.Hostname,
		LaunchIndex: s.LaunchIndex, ReservationID: s.ReservationID, RootDevice: s.RootDevice, UserData: maybe[*string]{Set: true, Value: ref(v.userData[s.ID])}}
}

// groupNames gives the names of the security groups on a server's ports.
func (v *serverView) groupNames(s *compute.Server) (out []groupName) {
	for _, a := range v.attachments[s.ID] {
		for _, id := range a.Port.Groups {
			if name := (groupName{v.secGroups[id].Name}); !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// changed shows a server after a change: in full only since 2.75.
func (v *serverView) changed(s *compute.Server) any {
	if v.r.Version.AtLeast(httpapi.V("2.75")) {
		return v.full(s)
	}
	return v.core(s, plainAddresses(v.attachments[s.ID]))
}

func (v *serverView) image(s *compute.Server) any {
	if s.ImageID == "" {
		return ""
	}
	return imageRef{ID: s.ImageID, Links: v.h.bookmark("/images/" + s.ImageID)}
}

func (v *serverView) flavor(s *compute.Server) serverFlavor {
	f := &s.Flavor
	out := serverFlavor{ID: f.ID, Links: v.h.bookmark("/flavors/" + f.ID), OriginalName: f.Name, VCPUs: f.VCPUs, RAM: f.MemoryMiB, Disk: f.DiskGiB,
		Ephemeral: f.EphemeralGiB, Swap: f.SwapMiB}
	if v.specs {
		out.ExtraSpecs = &f.ExtraSpecs
	}
	return out
}

func (v *serverView) fault(f *compute.Fault) *serverFault {
	if f == nil {
		return nil
	}
	out := &serverFault{Code: f.Code, Created: zoned(f.CreatedAt), Message: f.Message}
	if v.details || f.Code != 500 {
		out.Details = f.Details
	}
	return out
}
