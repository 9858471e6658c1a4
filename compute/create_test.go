package compute_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/drivers/sim/fault"
	"github.com/cumulite/cumulite/image"
	"github.com/cumulite/cumulite/image/imagetest"
	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/quota"
	"github.com/cumulite/cumulite/platform/secret"
	"github.com/cumulite/cumulite/platform/store"
)

func TestServerIsBuiltAndDeleted(t *testing.T) {
	w := newWorld(t).run(t)
	s := w.server(t)
	require.Equal(t, "ACTIVE", s.Status(), "%+v", s.Fault)
	require.Equal(t, "hv1", s.Host)
	require.Equal(t, "nova", s.Zone)
	require.Equal(t, "instance-00000001", s.InstanceName())
	require.Len(t, s.HostID(), 56)
	require.NotNil(t, s.LaunchedAt)
	require.Len(t, s.Interfaces, 1, "on the project's only network")
	view, there := w.states["hv1"].View(s.ID)
	require.True(t, there)
	require.Equal(t, compute.Running, view.Power)
	require.Len(t, view.NICs, 1)
	require.Equal(t, 1, w.used(t, "instances"))
	require.Equal(t, 512, w.used(t, "ram"))

	require.NoError(t, w.DeleteServer(member(t), s.ID))
	require.Equal(t, compute.TaskDeleting, w.get(t, s.ID).Task)
	w.idle(t)
	_, err := w.GetServer(member(t), s.ID)
	refused(t, errs.NotFound, err)
	w.gone(t)
	require.Zero(t, w.used(t, "instances"))
	known, _, err := w.ListServers(member(t), compute.ServersOf{Known: true}, store.Query{})
	require.NoError(t, err)
	require.Len(t, known, 1, "the record of it")
	require.Equal(t, "DELETED", known[0].Status())
	require.NotNil(t, known[0].TerminatedAt)
}

func TestRequestsThatNameWhatIsNotThereAreRefused(t *testing.T) {
	w := newWorld(t)
	_, err := w.CreateFlavor(admin(t), compute.CreateFlavor{ID: "tiny-memory", Name: "m", VCPUs: 1, MemoryMiB: 1, DiskGiB: 1})
	require.NoError(t, err)
	zero := 0
	for name, c := range map[string]struct {
		change func(*compute.CreateServer)
		kind   errs.Kind
		words  string
	}{
		"flavor":          {func(in *compute.CreateServer) { in.FlavorID = "none" }, errs.Invalid, "Flavor none could not be found."},
		"image":           {func(in *compute.CreateServer) { in.ImageID = "none" }, errs.Invalid, "Image none could not be found."},
		"no image":        {func(in *compute.CreateServer) { in.ImageID = "" }, errs.Invalid, "Invalid imageRef provided."},
		"key":             {func(in *compute.CreateServer) { in.KeyName = "none" }, errs.Invalid, "Invalid key_name provided."},
		"zone":            {func(in *compute.CreateServer) { in.Zone = "moon" }, errs.Invalid, "The requested availability zone is not available"},
		"group":           {func(in *compute.CreateServer) { in.Group = "none" }, errs.Invalid, "Instance group none could not be found."},
		"host":            {func(in *compute.CreateServer) { in.Zone = "nova:hv1" }, errs.Forbidden, ""},
		"destination":     {func(in *compute.CreateServer) { in.Host = "hv1" }, errs.Forbidden, ""},
		"name":            {func(in *compute.CreateServer) { in.Name = " " }, errs.Invalid, ""},
		"control in name": {func(in *compute.CreateServer) { in.Name = "a\nb" }, errs.Invalid, ""},
		"hostname":        {func(in *compute.CreateServer) { in.Hostname = "a.b" }, errs.Invalid, ""},
		"accessIPv4":      {func(in *compute.CreateServer) { in.AccessIPv4 = "::1" }, errs.Invalid, "accessIPv4 is not proper IPv4 format"},
		"user data":       {func(in *compute.CreateServer) { in.UserData = secret.New("&") }, errs.Invalid, ""},
		"long user data":  {func(in *compute.CreateServer) { in.UserData = secret.New(strings.Repeat("AAAA", 16384)) }, errs.Invalid, ""},
		"metadata key":    {func(in *compute.CreateServer) { in.Metadata = map[string]string{"a/b": ""} }, errs.Invalid, ""},
		"long metadata":   {func(in *compute.CreateServer) { in.Metadata = map[string]string{"a": strings.Repeat("x", 256)} }, errs.Invalid, ""},
		"much metadata":   {func(in *compute.CreateServer) { in.Metadata = many(129) }, errs.Quota, "Maximum number of metadata items exceeds 128"},
		"tag":             {func(in *compute.CreateServer) { in.Tags = []string{"a,b"} }, errs.Invalid, ""},
		"tags":            {func(in *compute.CreateServer) { in.Tags = keys(many(51)) }, errs.Invalid, ""},
		"min above max":   {func(in *compute.CreateServer) { in.Min, in.Max = 3, 2 }, errs.Invalid, "min_count must be <= max_count"},
		"volume":          {func(in *compute.CreateServer) { in.Disks = []compute.BlockDevice{{SourceType: "volume", UUID: "v"}} }, errs.Invalid, ""},
		"second disk":     {func(in *compute.CreateServer) { in.Disks = make([]compute.BlockDevice, 2) }, errs.Invalid, ""},
		"disk of no image": {func(in *compute.CreateServer) {
			in.Disks = []compute.BlockDevice{{SourceType: "image", BootIndex: &zero}}
		}, errs.Invalid, ""},
		"network":  {listed(compute.RequestedNetwork{NetworkID: "none"}), errs.Invalid, "Network none could not be found."},
		"port":     {listed(compute.RequestedNetwork{PortID: "none"}), errs.Invalid, "Port id none could not be found."},
		"fixed IP": {listed(compute.RequestedNetwork{NetworkID: w.netID, FixedIP: "10.0.0"}), errs.Invalid, "Invalid fixed IP address (10.0.0)"},
		"files":    {func(in *compute.CreateServer) { in.Personality = make([]compute.File, 6) }, errs.Quota, "Personality file limit exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			in := w.request(t)
			c.change(&in)
			_, err := w.CreateServer(member(t), in)
			refused(t, c.kind, err)
			if c.words != "" {
				require.Equal(t, c.words, errs.Message(err))
			}
		})
	}
	list, _, err := w.ListServers(member(t), compute.ServersOf{}, store.Query{})
	require.NoError(t, err)
	require.Empty(t, list)
	require.Zero(t, w.used(t, "instances"))
}

func listed(list ...compute.RequestedNetwork) func(*compute.CreateServer) {
	return func(in *compute.CreateServer) {
		in.Networks = compute.RequestedNetworks{Mode: compute.NetworksListed, List: list}
	}
}

func many(n int) map[string]string {
	items := map[string]string{}
	for i := range n {
		items[fmt.Sprint("k", i)] = "v"
	}
	return items
}

func keys(items map[string]string) (list []string) {
	for k := range items {
		list = append(list, k)
	}
	return list
}

func TestImageMustFitTheFlavor(t *testing.T) {
	w := newWorld(t)
	i, err := w.images.GetImage(admin(t), w.image)
	require.NoError(t, err)
	memory, disk := int64(600), int64(2)
	in := w.request(t)
	_, err = w.images.UpdateImage(admin(t), i.ID, imageNeeds(memory, 0))
	require.NoError(t, err)
	_, err = w.CreateServer(member(t), in)
	refused(t, errs.Invalid, err)
	require.Equal(t, "Flavor's memory is too small for requested image.", errs.Message(err))
	_, err = w.images.UpdateImage(admin(t), i.ID, imageNeeds(0, disk))
	require.NoError(t, err)
	_, err = w.CreateServer(member(t), in)
	require.Contains(t, errs.Message(err), "Flavor's disk is smaller than the minimum size specified in image metadata.")
}

func TestQuotaHoldsAllOrNothing(t *testing.T) {
	w := newWorld(t)
	in := w.request(t)
	in.FlavorID = w.flavor(t, 18, 512, 1)
	_, err := w.CreateServer(member(t), in)
	require.NoError(t, err)
	in.FlavorID = w.flavor(t, 3, 512, 1)
	_, err = w.CreateServer(member(t), in)
	refused(t, errs.Quota, err)
	require.Equal(t, "Quota exceeded for cores: Requested 3, but already used 18 of 20 cores", errs.Message(err))
	require.Equal(t, 1, w.used(t, "instances"))

	in.FlavorID, in.Min, in.Max = w.flavor(t, 1, 512, 1), 1, 5
	made, err := w.CreateServer(member(t), in)
	require.NoError(t, err)
	require.Len(t, made, 2, "as many as there is quota for")
	require.Equal(t, []string{"vm-1", "vm-2"}, []string{made[0].Name, made[1].Name})
	require.Equal(t, "vm-2", made[1].Hostname)
	require.Equal(t, made[0].ReservationID, made[1].ReservationID)
	require.Equal(t, 1, made[1].LaunchIndex)
}

func TestLastOfAQuotaIsTakenOnce(t *testing.T) {
	w := newWorld(t)
	in := w.request(t)
	_, err := w.SetQuotas(admin(t), "p1", map[quota.Resource]int{"instances": 1}, false)
	require.NoError(t, err)
	results := atOnce(8, func() error {
		_, err := w.CreateServer(member(t), in)
		return err
	})
	require.Equal(t, 1, results[errs.Kind(0)], "%v", results)
	require.Equal(t, 7, results[errs.Quota])
}

// atOnce counts how n calls at the same time end: kind 0 is well.
func atOnce(n int, call func() error) map[errs.Kind]int {
	var mu sync.Mutex
	var all sync.WaitGroup
	kinds := map[errs.Kind]int{}
	for range n {
		all.Go(func() {
			err := call()
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				kinds[errs.KindOf(err)]++
			} else {
				kinds[0]++
			}
		})
	}
	all.Wait()
	return kinds
}

func TestLastRoomOnAHostIsTakenOnce(t *testing.T) {
	w := newWorld(t) // with 4096 MiB
	in := w.request(t)
	in.FlavorID = w.flavor(t, 1, 3000, 1)
	results := atOnce(4, func() error {
		_, err := w.CreateServer(member(t), in)
		return err
	})
	require.Equal(t, 4, results[0])
	w.run(t)
	w.pass(t, 3e9)
	list, _, err := w.ListServers(member(t), compute.ServersOf{}, store.Query{})
	require.NoError(t, err)
	statuses := map[string]int{}
	for _, s := range list {
		statuses[s.Status()]++
		if s.Status() == "ERROR" {
			require.Equal(t, "No valid host was found. There are not enough hosts available.", s.Fault.Message)
			require.Empty(t, s.Host)
		}
	}
	require.Equal(t, map[string]int{"ACTIVE": 1, "ERROR": 3}, statuses)
	hosts, err := w.ListHypervisors(admin(t))
	require.NoError(t, err)
	require.Equal(t, 3000, hosts[0].Used.MemoryMiB)
	require.Equal(t, 4, w.used(t, "instances"), "those in error are counted until they are deleted")
}

func TestFailureAtEachStepLeavesNothing(t *testing.T) {
	broken := errs.Invalidf("it is broken")
	none := map[quota.Resource]int{"port": 0}
	for name, spoil := range map[string]func(w *world){
		"port": func(w *world) {
			_, err := w.net.SetQuotas(admin(t), "p1", none)
			require.NoError(t, err)
		},
		"plug":  func(w *world) { w.wires["hv1"].SetFault(fault.FailAt("ensure port", "end", 1, broken)) },
		"guest": func(w *world) { w.hosts["hv1"].SetFault(fault.FailAt("create", "define", 1, broken)) },
		"start": func(w *world) { w.hosts["hv1"].SetFault(fault.FailAt("start", "end", 1, broken)) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t).run(t)
			spoil(w)
			s := w.server(t)
			require.Equal(t, "ERROR", s.Status())
			require.Contains(t, []string{"it is broken", "Quota exceeded for resources: ['port']."}, s.Fault.Message)
			require.Empty(t, s.Interfaces)
			w.gone(t)
			actions, _, err := w.ListActions(member(t), s.ID, false, store.Query{})
			require.NoError(t, err)
			require.True(t, actions[0].Failed)
			require.NoError(t, w.DeleteServer(member(t), s.ID))
			w.idle(t)
			require.Zero(t, w.used(t, "instances"))
		})
	}
}

func TestStepOnAHostThatDoesNotAnswerIsTriedAgain(t *testing.T) {
	w := newWorld(t).run(t)
	w.hosts["hv1"].SetFault(fault.FailAt("create", "", 3, nil))
	s := w.server(t)
	require.Equal(t, "BUILD", s.Status())
	require.Equal(t, compute.TaskSpawning, s.Task)
	actions, _, err := w.ListActions(member(t), s.ID, false, store.Query{})
	require.NoError(t, err)
	_, events, err := w.GetAction(member(t), s.ID, actions[0].RequestID, false)
	require.NoError(t, err)
	last := events[len(events)-1]
	require.Equal(t, "compute_spawn", last.Name)
	require.True(t, last.Failed)
	require.Equal(t, "simulated failure of create; attempt 1, next in 1 s", *last.Details)
	w.pass(t, 5e9)
	require.Equal(t, "ACTIVE", w.get(t, s.ID).Status())
}

func TestDeleteCutsABuildShort(t *testing.T) {
	w := newWorld(t).run(t)
	fault, reached, release := fault.HangAt("create", "disks")
	defer release()
	w.hosts["hv1"].SetFault(fault)
	made, err := w.CreateServer(member(t), w.request(t))
	require.NoError(t, err)
	<-reached
	require.NoError(t, w.DeleteServer(member(t), made[0].ID))
	w.idle(t)
	_, err = w.GetServer(member(t), made[0].ID)
	refused(t, errs.NotFound, err)
	w.gone(t)
	require.Zero(t, w.used(t, "instances"))
}

func TestDeleteBeforeTheBuildBegan(t *testing.T) {
	w := newWorld(t)
	made, err := w.CreateServer(member(t), w.request(t))
	require.NoError(t, err)
	require.NoError(t, w.DeleteServer(member(t), made[0].ID))
	require.NoError(t, w.DeleteServer(member(t), made[0].ID), "twice is no error")
	w.run(t)
	w.idle(t)
	w.gone(t)
	require.Zero(t, w.used(t, "instances"))
}

func TestUserDataIsStoredSealed(t *testing.T) {
	w := newWorld(t).run(t)
	const text = "c2VjcmV0LXBhc3N3b3Jk" // "secret-password"
	s := w.server(t, func(in *compute.CreateServer) { in.UserData = secret.New(text) })
	for caller, want := range map[context.Context]string{admin(t): text, member(t): text, as(t, "p2", "member"): "", as(t, "p1", "reader"): ""} {
		got, err := w.UserDataOf(caller, []compute.Server{*s})
		require.NoError(t, err)
		require.Equal(t, want, got[s.ID])
	}
	plain, err := base64.StdEncoding.DecodeString(text)
	require.NoError(t, err)
	for _, table := range []string{"compute_servers", "compute_guest_data", "flow_operations", "event_events"} {
		w.searchTable(t, table, text)
		w.searchTable(t, table, string(plain))
	}
}

func TestAdministratorChoosesTheHost(t *testing.T) {
	w := newWorld(t, "hv1", "hv2", "hv3").run(t)
	in := w.request(t)
	in.Networks.Mode = compute.NetworksNone
	for _, change := range []func(*compute.CreateServer){
		func(in *compute.CreateServer) { in.Zone = "nova:hv2" },
		func(in *compute.CreateServer) { in.Zone = "nova:hv2:hv2" },
		func(in *compute.CreateServer) { in.Zone = "nova::hv2" },
		func(in *compute.CreateServer) { in.Host = "hv2" },
		func(in *compute.CreateServer) { in.Node = "hv2" },
	} {
		req := in
		change(&req)
		made, err := w.CreateServer(admin(t), req)
		require.NoError(t, err)
		w.idle(t)
		require.Equal(t, "hv2", w.get(t, made[0].ID).Host)
		require.NoError(t, w.DeleteServer(admin(t), made[0].ID))
	}
	in.Host = "hv9"
	_, err := w.CreateServer(admin(t), in)
	refused(t, errs.Invalid, err)
}

func TestServerGroupSpreadsItsServers(t *testing.T) {
	w := newWorld(t, "hv1", "hv2").run(t)
	g, err := w.CreateServerGroup(member(t), compute.CreateServerGroup{Name: "g", Policy: compute.AntiAffinity})
	require.NoError(t, err)
	in := w.request(t)
	in.Group, in.Min = g.ID, 3
	made, err := w.CreateServer(member(t), in)
	require.NoError(t, err)
	w.pass(t, 3e9)
	hosts := map[string]int{}
	for _, s := range made {
		hosts[w.get(t, s.ID).Host]++
	}
	require.Equal(t, map[string]int{"hv1": 1, "hv2": 1, "": 1}, hosts)

	g, err = w.CreateServerGroup(member(t), compute.CreateServerGroup{Name: "h", Policy: compute.Affinity})
	require.NoError(t, err)
	in.Group, in.Min = g.ID, 2
	made, err = w.CreateServer(member(t), in)
	require.NoError(t, err)
	w.pass(t, 3e9)
	require.Equal(t, w.get(t, made[0].ID).Host, w.get(t, made[1].ID).Host)
	require.NotEmpty(t, w.get(t, made[0].ID).Host)
}

func TestWhatOthersHaveIsNotThere(t *testing.T) {
	w := newWorld(t)
	other := as(t, "p2", "member", "reader")
	foreign, err := w.images.CreateImage(other, image.CreateImage{DiskFormat: "raw", ContainerFormat: "bare", Visibility: image.Private})
	require.NoError(t, err)
	require.NoError(t, w.images.Upload(other, foreign.ID, bytes.NewReader(imagetest.Disk(1<<20))))
	f, err := w.CreateFlavor(admin(t), compute.CreateFlavor{Name: "private", VCPUs: 1, MemoryMiB: 1, DiskGiB: 1, Private: true})
	require.NoError(t, err)
	_, _, err = w.CreateKeypair(other, compute.CreateKeypair{Name: "theirs", PublicKey: ed25519Key})
	require.NoError(t, err)
	g, err := w.CreateServerGroup(other, compute.CreateServerGroup{Name: "g", Policy: compute.Affinity})
	require.NoError(t, err)
	netID := w.addNetworkOf(t, "p2", "10.2.0.0/24")
	port, err := w.net.CreatePort(other, portOn(netID))
	require.NoError(t, err)
	group, err := w.net.CreateSecurityGroup(other, network.CreateSecurityGroup{Name: "theirs"})
	require.NoError(t, err)
	for name, change := range map[string]func(*compute.CreateServer){
		"image":          func(in *compute.CreateServer) { in.ImageID = foreign.ID },
		"flavor":         func(in *compute.CreateServer) { in.FlavorID = f.ID },
		"key":            func(in *compute.CreateServer) { in.KeyName = "theirs" },
		"group":          func(in *compute.CreateServer) { in.Group = g.ID },
		"network":        listed(compute.RequestedNetwork{NetworkID: netID}),
		"port":           listed(compute.RequestedNetwork{PortID: port.ID}),
		"security group": func(in *compute.CreateServer) { in.SecurityGroups = []string{group.ID} },
	} {
		in := w.request(t)
		change(&in)
		_, err := w.CreateServer(member(t), in)
		refused(t, errs.Invalid, err)
		require.Regexp(t, "could not be found|not found|Invalid key_name", errs.Message(err), name)
	}
}
