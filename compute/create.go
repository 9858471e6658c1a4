package compute

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/quota"
	"github.com/cumulite/cumulite/platform/store"
)

// MaxUserData is how long user data may be, in base64.
const MaxUserData = 65535

// CreateServer makes servers: one, or as many as quota allows between in.Min
// and in.Max. They are in VMBuilding when it returns.
func (s *Service) CreateServer(ctx context.Context, in CreateServer) ([]Server, error) {
	if err := s.checkOwn(ctx, ActionServerCreate); err != nil {
		return nil, err
	}
	in.Min = max(1, in.Min)
	in.Max = cmp.Or(in.Max, in.Min)
	order, err := s.resolve(ctx, &in)
	if err != nil {
		return nil, err
	}
	var made []Server
	err = s.DB.Write(asked(ctx), func(ctx context.Context, tx *store.Tx) error {
		if err := tx.Share(ctx, "compute"); err != nil { // what was resolved stays
			return err
		}
		made, err = s.insertServers(ctx, tx, order)
		return err
	})
	return made, err
}

// order is a request whose every name was resolved.
type order struct {
	CreateServer
	model  Server // what the servers have in common
	force  bool   // onto the host that was named
	ports  []plannedPort
	groups []string // ids of security groups
}

// insertServers writes the rows of new servers and starts their operations.
// What all creates change, the last number and the quota, comes last.
func (s *Service) insertServers(ctx context.Context, tx *store.Tx, o *order) ([]Server, error) {
	n, err := s.affordable(ctx, tx, o)
	if err != nil {
		return nil, err
	}
	if err := s.checkMetadata(ctx, tx, o.model.ProjectID, o.Metadata); err != nil {
		return nil, err
	}
	if o.Group != "" {
		if _, err := s.groupForCreate(ctx, tx, o.Group, n); err != nil {
			return nil, err
		}
	}
	made := make([]Server, n)
	for i := range made {
		made[i] = o.model
		o.identify(&made[i], i, n)
		if err := s.startCreate(ctx, tx, &made[i], o); err != nil {
			return nil, err
		}
	}
	last, err := nextNumbers(ctx, tx, n)
	if err != nil {
		return nil, err
	}
	for i := range made {
		made[i].Number = last - int64(n-1-i)
		if err := s.insertServer(ctx, tx, &made[i], o); err != nil {
			return nil, err
		}
	}
	return made, s.quotas.Use(ctx, tx, o.model.ProjectID, usage(&o.model, n))
}

// identify gives the i-th of n servers what is its own.
func (o *order) identify(srv *Server, i, n int) {
	srv.ID, srv.LaunchIndex = uuid.NewString(), i
	if n > 1 {
		srv.Name = fmt.Sprintf("%s-%d", o.Name, i+1)
	}
	switch {
	case o.Hostname != "" && n > 1:
		srv.Hostname = fmt.Sprintf("%s-%d", o.Hostname, i+1)
	case o.Hostname != "":
		srv.Hostname = o.Hostname
	default:
		srv.Hostname = hostnameOf(srv.Name, srv.ID)
	}
}

// startCreate starts the operation that makes a server.
func (s *Service) startCreate(ctx context.Context, tx *store.Tx, srv *Server, o *order) (err error) {
	if err := srv.validate(); err != nil {
		return err
	}
	srv.Operation, err = s.ops.create.Start(ctx, tx, srv.ID, createArgs{Force: o.force, Ports: planned(o.ports), Groups: o.groups})
	if err != nil {
		return err
	}
	return s.beginAction(ctx, tx, srv.ID, "create")
}

func (s *Service) insertServer(ctx context.Context, tx *store.Tx, srv *Server, o *order) error {
	if err := store.Insert(ctx, tx, srv); err != nil {
		return err
	}
	if err := insertServerTags(ctx, tx, srv.ID, srv.Tags); err != nil {
		return err
	}
	if err := s.insertGuestData(ctx, tx, srv.ID, guestData{UserData: o.UserData.Reveal(), Files: o.Personality}); err != nil {
		return err
	}
	if o.Group != "" {
		if err := s.joinGroup(ctx, tx, o.Group, srv.ID); err != nil {
			return err
		}
	}
	return s.emit(ctx, tx, "created", srv)
}

// affordable gives how many servers the project may have, between o.Min and o.Max.
func (s *Service) affordable(ctx context.Context, tx *store.Tx, o *order) (int, error) {
	if o.Max == o.Min {
		return o.Max, nil
	}
	used, err := s.quotas.Usage(ctx, tx, o.model.ProjectID)
	if err != nil {
		return 0, err
	}
	n := o.Max
	for resource, amount := range usage(&o.model, 1) {
		if u := used[resource]; u.Limit != quota.Unlimited && amount > 0 {
			n = min(n, max(0, u.Limit-u.Used)/amount)
		}
	}
	return max(n, o.Min), nil
}

// usage is what n servers like srv count for.
func usage(srv *Server, n int) map[quota.Resource]int {
	return map[quota.Resource]int{quotaInstances: n, quotaCores: n * srv.Flavor.VCPUs, quotaRAM: n * srv.Flavor.MemoryMiB}
}

// nextNumbers takes n numbers for servers, and gives the last of them.
func nextNumbers(ctx context.Context, tx *store.Tx, n int) (last int64, err error) {
	err = tx.QueryRow(ctx, `INSERT INTO compute_numbers (name, last) VALUES ('server', ?)
		ON CONFLICT (name) DO UPDATE SET last = compute_numbers.last + ? RETURNING last`, n, n).Scan(&last)
	return last, err
}

// resolve checks a request and everything that it names, with the caller's
// grant, before anything is accepted.
func (s *Service) resolve(ctx context.Context, in *CreateServer) (*order, error) {
	if err := in.validate(); err != nil {
		return nil, err
	}
	if err := s.checkFiles(ctx, in.Personality); err != nil {
		return nil, err
	}
	o := &order{CreateServer: *in, model: s.newServer(ctx, in)}
	for _, step := range []func(context.Context, *order) error{s.resolveFlavor, s.resolveImage, s.resolveKey, s.resolvePlace, s.resolveGroups, s.resolveNetworks} {
		if err := step(ctx, o); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// newServer is what servers of a request have in common before it is resolved.
func (s *Service) newServer(ctx context.Context, in *CreateServer) Server {
	g, now := auth.From(ctx), s.Clock.Now()
	metadata := in.Metadata
	if metadata == nil {
		metadata = map[string]string{}
	}
	return Server{
		ProjectID: g.ProjectID(), UserID: g.UserID(), Name: in.Name, Description: in.Description, ReservationID: reservationID(),
		VM: VMBuilding, Task: TaskScheduling, Metadata: metadata, Tags: in.Tags, ConfigDrive: in.ConfigDrive, DiskConfig: cmp.Or(in.DiskConfig, "MANUAL"),
		AccessIPv4: in.AccessIPv4, AccessIPv6: in.AccessIPv6, RootDevice: "/dev/vda", Interfaces: []Interface{}, CreatedAt: now, UpdatedAt: now,
	}
}

// reservationID names the servers of one request.
func reservationID() string { return "r-" + strings.ReplaceAll(uuid.NewString(), "-", "")[:8] }

// validate refuses what is wrong in a request by itself.
func (in *CreateServer) validate() (err error) {
	switch {
	case in.Min > in.Max:
		return errs.Invalidf("min_count must be <= max_count")
	case in.Max > 1 && len(in.Networks.ports()) > 0:
		return errs.Invalidf("Unable to launch multiple instances with a single configured port ID. Please launch your instance one by one with different ports.")
	case in.Max > 1 && len(in.Networks.fixedIPs()) > 0:
		return errs.Invalidf("Invalid fixed IP Address %s in request: max count greater than 1 if a fixed ip is specified.", in.Networks.fixedIPs()[0])
	}
	if in.Tags, err = checkTags(in.Tags); err != nil {
		return err
	}
	if err := checkUserData(in.UserData.Reveal()); err != nil {
		return err
	}
	return in.checkDisks()
}

// checkUserData refuses user data that is too long, or not base64.
func checkUserData(text string) error {
	if len(text) > MaxUserData {
		return errs.Invalidf("User data too large. User data must be no larger than %d bytes once base64 encoded. Your data is %d bytes", MaxUserData, len(text))
	}
	if _, err := base64.StdEncoding.DecodeString(text); err != nil {
		return errs.Invalidf("User data needs to be valid base 64.")
	}
	return nil
}

// checkDisks takes the one disk that there is without volumes: a local root
// disk of the image.
func (in *CreateServer) checkDisks() error {
	for _, d := range in.Disks {
		switch {
		case d.SourceType == "volume" || d.SourceType == "snapshot" || d.DestinationType == "volume":
			return errs.Invalidf("Block Device Mapping is Invalid: there is no block storage here, volumes cannot be used.")
		case d.SourceType != "image" || len(in.Disks) > 1 || d.BootIndex == nil || *d.BootIndex != 0:
			return errs.Invalidf("Block Device Mapping is Invalid: only a local root disk of an image with boot index 0 can be asked for.")
		case d.UUID == "" || in.ImageID != "" && d.UUID != in.ImageID:
			return errs.Invalidf("Block Device Mapping is Invalid: Boot sequence for the instance and image/block device mapping combination is not valid.")
		}
		in.ImageID = d.UUID
	}
	if in.ImageID == "" {
		return errs.Invalidf("Invalid imageRef provided.")
	}
	return nil
}

// launched notes that a server runs for the first time, or again.
func (s *Server) launched(now time.Time) {
	if s.LaunchedAt == nil {
		s.LaunchedAt = &now
	}
	s.Power, s.Progress, s.Fault = Running, 0, nil
}
