package computeapi

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"path"
	"regexp"

	"github.com/google/uuid"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/secret"
)

// newServer is what every microversion takes of a new server.
type newServer struct {
	Name         name             `json:"name" api:"required"`
	Description  *printable       `json:"description" since:"2.19" api:"nullable,max=255"`
	ImageRef     imageID          `json:"imageRef"`
	FlavorRef    reference        `json:"flavorRef" api:"required"`
	AdminPass    secret.String    `json:"adminPass"`
	Metadata     metadata         `json:"metadata"`
	DiskConfig   string           `json:"OS-DCF:diskConfig" api:"enum=AUTO|MANUAL"`
	AccessIPv4   string           `json:"accessIPv4" api:"format=ipv4"`
	AccessIPv6   string           `json:"accessIPv6" api:"format=ipv6"`
	Personality  []personality    `json:"personality" until:"2.56"`
	Zone         name             `json:"availability_zone"`
	OldDisks     []map[string]any `json:"block_device_mapping"`
	Disks        []blockDevice    `json:"block_device_mapping_v2"`
	ConfigDrive  boolean          `json:"config_drive"`
	KeyName      name             `json:"key_name"`
	Min          integer          `json:"min_count" api:"min=1"`
	Max          integer          `json:"max_count" api:"min=1"`
	Reservation  boolean          `json:"return_reservation_id"`
	SecGroups    *[]groupName     `json:"security_groups"`
	UserData     secret.String    `json:"user_data" api:"max=65535"`
	Tags         []tag            `json:"tags" since:"2.52" api:"max=50"`
	Certificates *[]string        `json:"trusted_image_certificates" since:"2.63" api:"nullable,min=1,max=50"`
	Host         string           `json:"host" since:"2.74" api:"min=1,max=255,pattern=^[a-zA-Z0-9-._]*$"`
	Node         string           `json:"hypervisor_hostname" since:"2.74" api:"min=1,max=255,pattern=^[a-zA-Z0-9-._]*$"`
	Hostname     string           `json:"hostname" since:"2.90" api:"min=1,max=255,pattern=^[a-zA-Z0-9-._]*$"`
}

// hints are wishes about where servers go. Names that are not known say nothing.
type hints struct {
	Group any `json:"group"` // the id of a server group, perhaps in a list
}

// JSONSchema says what is taken.
func (hints) JSONSchema() map[string]any {
	return map[string]any{"type": "object", "properties": map[string]any{"group": map[string]any{"type": []any{"string", "array"}}}}
}

// group gives the server group that is named.
func (h *hints) group() (string, error) {
	if h == nil || h.Group == nil {
		return "", nil
	}
	id, is := h.Group.(string)
	if list, isList := h.Group.([]any); isList && len(list) > 0 {
		id, is = list[0].(string)
	}
	if _, err := uuid.Parse(id); !is || err != nil {
		return "", errs.Invalidf("Invalid input for field/attribute group. Value: %.64[1]v. '%.64[1]v' is not a 'uuid'", h.Group)
	}
	return id, nil
}

// schedulerHints have two names.
type schedulerHints struct {
	Hints    *hints `json:"os:scheduler_hints"`
	OldHints *hints `json:"OS-SCH-HNT:scheduler_hints"`
}

func (s *schedulerHints) group() (string, error) { return cmp.Or(s.Hints, s.OldHints).group() }

// oldServerBody is of the microversions in which networks may be left out.
type oldServerBody struct {
	Server struct {
		newServer
		Networks *[]oldNetwork `json:"networks"`
	} `json:"server" api:"required"`
	schedulerHints
}

type newServerBody struct {
	Server struct {
		newServer
		Networks networkChoice `json:"networks" api:"required"`
	} `json:"server" api:"required"`
	schedulerHints
}

// blockDevice is a disk of a new server.
type blockDevice struct {
	SourceType      string   `json:"source_type" api:"enum=volume|image|snapshot|blank"`
	DestinationType string   `json:"destination_type" api:"enum=local|volume"`
	UUID            string   `json:"uuid" api:"min=1,max=255,pattern=^[a-zA-Z0-9._-]*$"`
	ImageID         string   `json:"image_id" api:"format=uuid"`
	VolumeID        string   `json:"volume_id" api:"format=uuid"`
	SnapshotID      string   `json:"snapshot_id" api:"format=uuid"`
	BootIndex       *integer `json:"boot_index" api:"nullable"`
	VolumeSize      integer  `json:"volume_size" api:"min=1,max=2147483647"`
	DeviceName      string   `json:"device_name" api:"min=1,max=255,pattern=^[a-zA-Z0-9._/-]*$"`
	DeviceType      string   `json:"device_type" api:"max=255"`
	DiskBus         string   `json:"disk_bus" api:"max=255"`
	GuestFormat     string   `json:"guest_format" api:"max=255"`
	VirtualName     string   `json:"virtual_name" api:"max=255"`
	NoDevice        any      `json:"no_device"`
	Delete          *boolean `json:"delete_on_termination"`
	Tag             *tag     `json:"tag" since:"2.42"`
	VolumeType      *string  `json:"volume_type" since:"2.67" api:"nullable,max=255"`
}

func (d *blockDevice) domain() compute.BlockDevice {
	out := compute.BlockDevice{SourceType: d.SourceType, DestinationType: d.DestinationType, UUID: d.UUID, DeleteOnTermination: (*bool)(d.Delete),
		VolumeSizeGiB: int(d.VolumeSize), DeviceName: d.DeviceName, Tag: string(deref(d.Tag))}
	if d.BootIndex != nil {
		index := int(*d.BootIndex)
		out.BootIndex = &index
	}
	return out
}

type personality struct {
	Path     string        `json:"path" api:"required"`
	Contents secret.String `json:"contents" api:"required"`
}

func files(in []personality) ([]compute.File, error) {
	var out []compute.File
	for _, p := range in {
		content, err := base64.StdEncoding.DecodeString(p.Contents.Reveal())
		if err != nil {
			return nil, errs.Invalidf("Invalid input for field/attribute contents. Value: ***. The value is not a 'base64'")
		}
		out = append(out, compute.File{Path: p.Path, Content: content})
	}
	return out, nil
}

type madeServer struct {
	ID         string      `json:"id"`
	Links      []link      `json:"links"`
	DiskConfig string      `json:"OS-DCF:diskConfig"`
	SecGroups  []groupName `json:"security_groups"`
	AdminPass  string      `json:"adminPass"`
}

type madeServerBody struct {
	Server madeServer `json:"server"`
}

// domain gives what is asked for, but for networks.
func (in *newServer) domain(r *httpapi.Request) (out compute.CreateServer, err error) {
	if err := in.check(r); err != nil {
		return out, err
	}
	out = compute.CreateServer{Name: string(in.Name), Description: (*string)(in.Description), Hostname: in.Hostname, FlavorID: string(in.FlavorRef), ImageID: string(in.ImageRef),
		KeyName: string(in.KeyName), UserData: in.UserData, ConfigDrive: bool(in.ConfigDrive), DiskConfig: in.DiskConfig, Metadata: in.Metadata, Tags: tagNames(in.Tags), Zone: string(in.Zone),
		Host: in.Host, Node: in.Node, AccessIPv4: in.AccessIPv4, AccessIPv6: in.AccessIPv6, Min: int(in.Min), Max: int(in.Max)}
	for _, g := range deref(in.SecGroups) {
		out.SecurityGroups = append(out.SecurityGroups, g.Name)
	}
	for n := range in.Disks {
		out.Disks = append(out.Disks, in.Disks[n].domain())
	}
	out.Personality, err = files(in.Personality)
	return out, err
}

// check refuses what no schema can.
func (in *newServer) check(r *httpapi.Request) error {
	switch {
	case len(in.OldDisks) > 0:
		return errs.Invalidf("Block Device Mapping is Invalid: volumes are not available here.")
	case in.Certificates != nil:
		return errs.Invalidf("Image certificates are not validated here: trusted_image_certificates must be null.")
	case in.ImageRef == "" && len(in.Disks) == 0:
		return errs.Invalidf("Missing imageRef attribute")
	}
	return checkHostname(r, in.Hostname)
}

// label is what a hostname was made of before it could have a domain (2.94).
var label = regexp.MustCompile(`^[a-zA-Z0-9]+[a-zA-Z0-9-]*[a-zA-Z0-9]+$`)

func checkHostname(r *httpapi.Request, name string) error {
	if name == "" || r.Version.AtLeast(httpapi.V("2.94")) || len(name) <= 63 && label.MatchString(name) {
		return nil
	}
	return errs.Invalidf("Invalid input for field/attribute hostname. Value: %.255[1]s. '%.255[1]s' does not match '%[2]s'", name, label)
}

func (h handler) createOldServer(r *httpapi.Request, in *oldServerBody) (any, error) {
	networks, err := oldNetworks(in.Server.Networks)
	if err != nil {
		return nil, err
	}
	return h.makeServers(r, &in.Server.newServer, networks, &in.schedulerHints)
}

func (h handler) createServer(r *httpapi.Request, in *newServerBody) (any, error) {
	networks, err := in.Server.Networks.domain(r)
	if err != nil {
		return nil, err
	}
	return h.makeServers(r, &in.Server.newServer, networks, &in.schedulerHints)
}

func (h handler) makeServers(r *httpapi.Request, in *newServer, networks compute.RequestedNetworks, hints *schedulerHints) (any, error) {
	create, err := in.domain(r)
	if err != nil {
		return nil, err
	}
	create.Networks = networks
	if create.Group, err = hints.group(); err != nil {
		return nil, err
	}
	servers, err := h.compute.CreateServer(r.Ctx(), create)
	if err != nil {
		return nil, err
	}
	if in.Reservation {
		return map[string]string{"reservation_id": servers[0].ReservationID}, nil
	}
	s := &servers[0]
	r.Header().Set("Location", r.URLFor("/servers/"+s.ID))
	out := madeServer{ID: s.ID, Links: h.links("/servers/" + s.ID), DiskConfig: s.DiskConfig, SecGroups: []groupName{{"default"}}, AdminPass: adminPass(in.AdminPass)}
	if in.SecGroups != nil {
		out.SecGroups = *in.SecGroups
	}
	return madeServerBody{out}, nil
}

// adminPass gives the password that was asked for, or one that is made up. No
// guest is given it, and nothing keeps it: the API has it in its answer, so
// clients want it.
func adminPass(asked secret.String) string {
	if p := asked.Reveal(); p != "" {
		return p
	}
	return rand.Text()[:12]
}

// reference is an id, or a URL that ends with it.
type reference string

// JSONSchema says what is taken.
func (reference) JSONSchema() map[string]any {
	return map[string]any{"type": []any{"string", "integer"}, "minLength": 1}
}

// UnmarshalJSON reads an id or a URL.
func (f *reference) UnmarshalJSON(b []byte) error {
	var s scalar
	err := s.UnmarshalJSON(b)
	*f = reference(path.Base(string(s)))
	return err
}

// imageID is an id, or "" for none.
type imageID string

// JSONSchema says what is taken.
func (imageID) JSONSchema() map[string]any {
	return map[string]any{"type": "string", "oneOf": []any{map[string]any{"format": "uuid"}, map[string]any{"maxLength": 0}}}
}

// metadata are items by their keys.
type metadata map[string]string

// JSONSchema says what is taken.
func (metadata) JSONSchema() map[string]any {
	return map[string]any{"type": "object", "additionalProperties": false,
		"patternProperties": map[string]any{"^[a-zA-Z0-9-_:. ]{1,255}$": map[string]any{"type": "string", "maxLength": 255}}}
}
