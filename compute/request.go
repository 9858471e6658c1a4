package compute

import "github.com/cumulite/cumulite/platform/secret"

// CreateServer is what a user may say of new servers.
type CreateServer struct {
	Name           string
	Description    *string
	Hostname       string // "" is made of the name
	FlavorID       string
	ImageID        string // "" only with Disks that name it
	Disks          []BlockDevice
	Networks       RequestedNetworks
	SecurityGroups []string // names or ids, for the ports that are made; none is the project's default
	KeyName        string
	UserData       secret.String // in base64
	ConfigDrive    bool
	DiskConfig     string // "AUTO" or "MANUAL"; "" is "MANUAL"
	Metadata       map[string]string
	Tags           []string
	Zone           string // "ZONE", for administrators also "ZONE:HOST" and "ZONE:HOST:NODE"
	Host, Node     string // for administrators: the scheduler may take no other
	Group          string // id of a server group
	AccessIPv4     string
	AccessIPv6     string
	Personality    []File
	Min, Max       int // how many; 0 is 1, or Min
}

// NetworkMode is how a request says what networks a server gets.
type NetworkMode string

// The modes.
const (
	NetworksDefault NetworkMode = ""     // the project's only network, or none where there is none (before 2.37)
	NetworksAuto    NetworkMode = "auto" // as NetworksDefault (2.37): there is no topology that would be made
	NetworksNone    NetworkMode = "none"
	NetworksListed  NetworkMode = "list"
)

// RequestedNetworks is what a request says of networks.
type RequestedNetworks struct {
	Mode NetworkMode
	List []RequestedNetwork // of NetworksListed, in the order the guest sees them
}

// RequestedNetwork asks for one interface: on a port, or on a network.
type RequestedNetwork struct {
	NetworkID string
	PortID    string
	FixedIP   string // on NetworkID; "" is any
	Tag       string // of the device
}

// BlockDevice is an entry of block_device_mapping_v2. Until there are
// volumes, only the local root disk of an image can be asked for.
type BlockDevice struct {
	SourceType          string
	DestinationType     string
	UUID                string
	BootIndex           *int
	DeleteOnTermination *bool
	VolumeSizeGiB       int
	DeviceName          string
	Tag                 string
}

// File is a file to be put into the guest: through its config drive and
// metadata.
type File struct {
	Path    string
	Content []byte
}

// UpdateServer is what a user may change of a server; nil fields stay.
type UpdateServer struct {
	Name        *string
	Description **string
	Hostname    *string
	AccessIPv4  *string
	AccessIPv6  *string
	DiskConfig  *string
}

// RebuildServer is what a user may say of a rebuild; nil fields stay.
type RebuildServer struct {
	ImageID     string
	Name        *string
	Description **string
	Hostname    *string
	Metadata    map[string]string // nil: as it is
	KeyName     **string          // to nil: no key
	UserData    **secret.String
	AccessIPv4  *string
	AccessIPv6  *string
	DiskConfig  *string
	Personality []File
}

// AttachInterface is what a user may say of a new interface: a port, or a
// network with an address, or nothing for the project's only network.
type AttachInterface struct {
	NetworkID string
	PortID    string
	FixedIP   string
	Tag       string
}

// ServersOf says which servers a list is of. The zero value is those of the
// caller's project.
type ServersOf struct {
	AllProjects bool   // administrators only
	ProjectID   string // of another project: administrators only
	Deleted     bool   // those that were, instead of those that are: administrators only
	Known       bool   // both those that are and those that were, as changes-since asks for
}
