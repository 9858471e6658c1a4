package compute

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/flow"
	"github.com/cumulite/cumulite/platform/store"
)

// The trees of a guest's metadata.
const (
	openstackTree = "openstack/latest/"
	ec2Tree       = "latest/"
	ec2First      = "2009-04-04/" // the version that cloud-init asks for
)

// Metadata gives what a guest is told of itself: content by path, in
// OpenStack's tree ("openstack/latest/meta_data.json") and in EC2's
// ("latest/meta-data/instance-id"). It is for services only.
func (s *Service) Metadata(ctx context.Context, serverID string) (map[string][]byte, error) {
	if !auth.From(ctx).HasRole(auth.ServiceRole) {
		return nil, errs.Forbiddenf("Metadata is for services only.")
	}
	srv, err := s.server(ctx, serverID)
	if err != nil {
		return nil, err
	}
	return s.metadataOf(ctx, srv)
}

func (s *Service) metadataOf(ctx context.Context, srv *Server) (map[string][]byte, error) {
	data, err := s.guestData(ctx, s.DB.Read(), srv.ID)
	if err != nil {
		return nil, err
	}
	all, err := s.Addresses(ctx, []Server{*srv})
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{openstackTree + "vendor_data.json": []byte("{}")}
	for i, f := range data.Files {
		files[contentPath(i)] = f.Content
	}
	for name, doc := range map[string]any{"meta_data.json": s.metaData(srv, data, all[srv.ID]), "network_data.json": networkData(all[srv.ID])} {
		if files[openstackTree+name], err = json.Marshal(doc); err != nil {
			return nil, err
		}
	}
	if data.UserData != "" {
		text, err := base64.StdEncoding.DecodeString(data.UserData)
		if err != nil {
			return nil, err
		}
		files[openstackTree+"user_data"], files[ec2Tree+"user-data"], files[ec2First+"user-data"] = text, text, text
	}
	groups, err := s.groupsOn(ctx, all[srv.ID])
	if err != nil {
		return nil, err
	}
	for name, text := range s.ec2Data(srv, all[srv.ID], groups) {
		files[ec2Tree+"meta-data/"+name], files[ec2First+"meta-data/"+name] = []byte(text), []byte(text)
	}
	return files, nil
}

func contentPath(i int) string { return fmt.Sprintf("openstack/content/%04d", i) }

// configDriveFiles are those of a guest's metadata that its config drive has.
func configDriveFiles(files map[string][]byte) map[string][]byte {
	drive := map[string][]byte{}
	for name, content := range files {
		if strings.HasPrefix(name, "openstack/") {
			drive[name] = content
		}
	}
	return drive
}

// metaData is the document of that name, as Nova's current version has it.
type metaData struct {
	UUID             string            `json:"uuid"`
	Name             string            `json:"name"`
	Hostname         string            `json:"hostname"`
	LaunchIndex      int               `json:"launch_index"`
	AvailabilityZone string            `json:"availability_zone"`
	ProjectID        string            `json:"project_id"`
	Meta             map[string]string `json:"meta,omitempty"`
	PublicKeys       map[string]string `json:"public_keys,omitempty"`
	Keys             []metaKey         `json:"keys"`
	Files            []metaFile        `json:"files,omitempty"`
	RandomSeed       string            `json:"random_seed"`
	Devices          []metaDevice      `json:"devices"`
	DedicatedCPUs    []int             `json:"dedicated_cpus"`
}

type metaKey struct {
	Name string      `json:"name"`
	Type KeypairType `json:"type"`
	Data string      `json:"data"`
}

type metaFile struct {
	ContentPath string `json:"content_path"`
	Path        string `json:"path"`
}

// metaDevice is an interface that was given a tag.
type metaDevice struct {
	Type    string   `json:"type"`
	Bus     string   `json:"bus"`
	Address string   `json:"address"`
	MAC     string   `json:"mac"`
	Tags    []string `json:"tags"`
}

func (s *Service) metaData(srv *Server, data guestData, ports []network.Attachment) metaData {
	seed := make([]byte, 512)
	_, _ = rand.Read(seed) // never fails
	doc := metaData{
		UUID: srv.ID, Name: srv.Name, Hostname: s.fullName(srv), LaunchIndex: srv.LaunchIndex, AvailabilityZone: srv.Zone, ProjectID: srv.ProjectID,
		Meta: srv.Metadata, Keys: []metaKey{}, RandomSeed: base64.StdEncoding.EncodeToString(seed), Devices: []metaDevice{}, DedicatedCPUs: []int{},
	}
	if srv.KeyName != "" {
		doc.PublicKeys = map[string]string{srv.KeyName: srv.PublicKey}
		doc.Keys = []metaKey{{Name: srv.KeyName, Type: cmp.Or(srv.KeyType, KeypairSSH), Data: srv.PublicKey}}
	}
	for i, f := range data.Files {
		doc.Files = append(doc.Files, metaFile{ContentPath: strings.TrimPrefix(contentPath(i), "openstack"), Path: f.Path})
	}
	tags := map[string]string{}
	for _, i := range srv.Interfaces {
		tags[i.PortID] = i.Tag
	}
	for _, p := range ports {
		if tag := tags[p.Port.ID]; tag != "" {
			doc.Devices = append(doc.Devices, metaDevice{Type: "nic", Bus: "none", MAC: p.Port.MAC, Tags: []string{tag}})
		}
	}
	return doc
}

// fullName is a server's hostname with the domain.
func (s *Service) fullName(srv *Server) string { return srv.Hostname + "." + s.opts.Domain }

// networkDoc is network_data.json: every interface is configured by DHCP, or
// by what routers tell.
type networkDoc struct {
	Links    []networkLink    `json:"links"`
	Networks []networkAddress `json:"networks"`
	Services []struct{}       `json:"services"`
}

type networkLink struct {
	ID    string `json:"id"`
	VIFID string `json:"vif_id"`
	Type  string `json:"type"`
	MTU   int    `json:"mtu"`
	MAC   string `json:"ethernet_mac_address"`
}

type networkAddress struct {
	ID        string `json:"id"`
	Type      string `json:"type"`
	Link      string `json:"link"`
	NetworkID string `json:"network_id"`
}

func networkData(ports []network.Attachment) networkDoc {
	doc := networkDoc{Links: []networkLink{}, Networks: []networkAddress{}, Services: []struct{}{}}
	for _, p := range ports {
		link := "tap" + p.Port.ID[:min(11, len(p.Port.ID))]
		doc.Links = append(doc.Links, networkLink{ID: link, VIFID: p.Port.ID, Type: "tap", MTU: p.MTU, MAC: p.Port.MAC})
		for _, a := range p.Addresses {
			kind := "ipv4_dhcp"
			if a.IP.Is6() {
				kind = "ipv6_slaac"
			}
			doc.Networks = append(doc.Networks, networkAddress{ID: fmt.Sprintf("network%d", len(doc.Networks)), Type: kind, Link: link, NetworkID: p.Port.NetworkID})
		}
	}
	return doc
}

// ec2Data is what EC2's metadata service says of a server, by name.
func (s *Service) ec2Data(srv *Server, ports []network.Attachment, groups []network.SecurityGroup) map[string]string {
	local, public := addressesOf(ports)
	names := make([]string, len(groups))
	for i := range groups {
		names[i] = groups[i].Name
	}
	name := s.fullName(srv)
	data := map[string]string{
		"ami-id": "ami-" + srv.ImageID[:min(8, len(srv.ImageID))], "ami-launch-index": fmt.Sprint(srv.LaunchIndex), "ami-manifest-path": "FIXME",
		"block-device-mapping/ami": "vda", "block-device-mapping/root": srv.RootDevice, "hostname": name, "instance-action": "none",
		"instance-id": fmt.Sprintf("i-%08x", srv.Number), "instance-type": srv.Flavor.Name, "local-hostname": name, "local-ipv4": local,
		"placement/availability-zone": srv.Zone, "public-hostname": name, "public-ipv4": public, "reservation-id": srv.ReservationID,
		"security-groups": strings.Join(names, "\n"),
	}
	if srv.KeyName != "" {
		data["public-keys/0/openssh-key"] = srv.PublicKey
	}
	return data
}

// addressesOf gives the first fixed and the first floating IPv4 address.
func addressesOf(ports []network.Attachment) (local, public string) {
	for _, p := range ports {
		for _, a := range p.Addresses {
			if local == "" && a.IP.Is4() {
				local = a.IP.String()
			}
			if public == "" && a.Floating.Is4() {
				public = a.Floating.String()
			}
		}
	}
	return local, public
}

// refreshArgs are those of the operation that brings metadata up to date.
type refreshArgs struct{ Interfaces []Interface }

// refreshMetadata has the hosts told of a server's metadata once more.
func (s *Service) refreshMetadata(ctx context.Context, tx *store.Tx, srv *Server) error {
	if len(srv.Interfaces) == 0 {
		return nil // it is told when its ports are plugged in
	}
	_, err := s.ops.refresh.Start(ctx, tx, srv.ID, refreshArgs{Interfaces: srv.Interfaces})
	return err
}

func (s *Service) refreshOperation() flow.Operation[refreshArgs] {
	return flow.Operation[refreshArgs]{
		Kind:     "compute.server.refresh_metadata",
		Deadline: time.Minute,
		Steps: []flow.Step[refreshArgs]{{Name: "refresh_metadata", Do: func(ctx context.Context, r *flow.Run[refreshArgs]) error {
			return s.tellGuest(ctx, r.Args.Interfaces)
		}}},
	}
}
