package computeapi

// serverBrief is a server in a list without details.
type serverBrief struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Links []link `json:"links"`
}

// serverCore is what every answer shows of a server.
type serverCore struct {
	serverBrief
	Status       string            `json:"status"`
	TenantID     string            `json:"tenant_id"`
	UserID       string            `json:"user_id"`
	Metadata     map[string]string `json:"metadata"`
	HostID       string            `json:"hostId"`
	Image        any               `json:"image"` // "" without one
	Flavor       serverFlavor      `json:"flavor"`
	Created      string            `json:"created"`
	Updated      string            `json:"updated"`
	Addresses    any               `json:"addresses"` // address or plainAddress by network
	AccessIPv4   string            `json:"accessIPv4"`
	AccessIPv6   string            `json:"accessIPv6"`
	DiskConfig   string            `json:"OS-DCF:diskConfig"`
	Progress     *int              `json:"progress,omitzero"`
	Fault        *serverFault      `json:"fault,omitzero"`
	Locked       bool              `json:"locked" since:"2.9"`
	Description  *string           `json:"description" since:"2.19"`
	Tags         []string          `json:"tags" since:"2.26"`
	Certificates *[]string         `json:"trusted_image_certificates" since:"2.63"` // none are checked here
	Groups       *[]string         `json:"server_groups,omitzero" since:"2.71"`     // not in lists
	LockedReason *string           `json:"locked_reason" since:"2.73"`
}

// serverShape is a server in full, as its owner sees it.
type serverShape struct {
	serverCore
	Zone         string      `json:"OS-EXT-AZ:availability_zone"`
	ConfigDrive  string      `json:"config_drive"` // "True" or ""
	KeyName      *string     `json:"key_name"`
	LaunchedAt   *string     `json:"OS-SRV-USG:launched_at"`
	TerminatedAt *string     `json:"OS-SRV-USG:terminated_at"`
	SecGroups    []groupName `json:"security_groups,omitempty"` // of all interfaces
	TaskState    *string     `json:"OS-EXT-STS:task_state"`
	VMState      string      `json:"OS-EXT-STS:vm_state"`
	PowerState   int         `json:"OS-EXT-STS:power_state"`
	Volumes      []string    `json:"os-extended-volumes:volumes_attached"` // always empty until there are volumes
	HostStatus   *string     `json:"host_status,omitzero" since:"2.16"`
	PinnedZone   *string     `json:"pinned_availability_zone" since:"2.96"`
}

// ownServer is a server for those who may not see where it is.
type ownServer struct {
	serverShape
	Hostname string `json:"OS-EXT-SRV-ATTR:hostname" since:"2.90"`
}

// placedServer is a server for those who may.
type placedServer struct {
	serverShape
	Host          *string        `json:"OS-EXT-SRV-ATTR:host"`
	Hypervisor    *string        `json:"OS-EXT-SRV-ATTR:hypervisor_hostname"`
	InstanceName  string         `json:"OS-EXT-SRV-ATTR:instance_name"`
	Hostname      string         `json:"OS-EXT-SRV-ATTR:hostname" since:"2.3"`
	KernelID      string         `json:"OS-EXT-SRV-ATTR:kernel_id" since:"2.3"` // kernels come with images
	RamdiskID     string         `json:"OS-EXT-SRV-ATTR:ramdisk_id" since:"2.3"`
	LaunchIndex   int            `json:"OS-EXT-SRV-ATTR:launch_index" since:"2.3"`
	ReservationID string         `json:"OS-EXT-SRV-ATTR:reservation_id" since:"2.3"`
	RootDevice    string         `json:"OS-EXT-SRV-ATTR:root_device_name" since:"2.3"`
	UserData      maybe[*string] `json:"OS-EXT-SRV-ATTR:user_data,omitzero" since:"2.3"`
}

// serverFlavor is a server's flavor: a reference to it, and later what it was
// when the server was made.
type serverFlavor struct {
	ID           string             `json:"id" until:"2.46"`
	Links        []link             `json:"links" until:"2.46"`
	OriginalName string             `json:"original_name" since:"2.47"`
	VCPUs        int                `json:"vcpus" since:"2.47"`
	RAM          int                `json:"ram" since:"2.47"`
	Disk         int                `json:"disk" since:"2.47"`
	Ephemeral    int                `json:"ephemeral" since:"2.47"`
	Swap         int                `json:"swap" since:"2.47"`
	ExtraSpecs   *map[string]string `json:"extra_specs,omitzero" since:"2.47"` // nil for those who may not see them
}

type imageRef struct {
	ID    string `json:"id"`
	Links []link `json:"links"`
}

type serverFault struct {
	Code    int    `json:"code"`
	Created string `json:"created"`
	Message string `json:"message"`
	Details string `json:"details,omitempty"`
}

type groupName struct {
	Name string `json:"name" api:"min=1,max=255"`
}

type serverBody struct {
	Server any `json:"server"`
}

type serverList struct {
	Servers any    `json:"servers"`
	Links   []link `json:"servers_links,omitempty"`
}
