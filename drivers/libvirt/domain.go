package libvirt

import (
	"cmp"
	"encoding/xml"
	"fmt"

	"github.com/google/uuid"
	"libvirt.org/go/libvirtxml"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/compute/hosting"
	"github.com/cumulite/cumulite/platform/errs"
)

// namespace is that of the element which marks a domain as a guest of ours. It
// names the guest's directory: several drivers may share a libvirtd.
const namespace = "https://cumulite.dev/libvirt/guest/1"

type mark struct {
	XMLName xml.Name `xml:"guest"`
	Space   string   `xml:"xmlns,attr,omitempty"`
	Dir     string   `xml:"dir,attr"`
}

// marks reports whether text is the mark of this guest. libvirt gives it
// without its namespace.
func (g guestDir) marks(text string) bool {
	var m mark
	return xml.Unmarshal([]byte(text), &m) == nil && m.Dir == string(g)
}

func (g guestDir) mark() *libvirtxml.DomainMetadata {
	text, _ := xml.Marshal(mark{Space: namespace, Dir: string(g)}) // cannot fail: strings
	return &libvirtxml.DomainMetadata{XML: string(text)}
}

// cdDrives are where the machine types that there are have their CD drives.
var cdDrives = map[string]cdDrive{"pc": {"ide", "hd"}, "q35": {"sata", "sd"}}

type cdDrive struct{ bus, device string }

// hotplugPorts are the root ports of a q35 machine: what it may be plugged later.
const hotplugPorts = 16

// define makes the domain of spec over the files in dir.
func define(spec compute.GuestSpec, dir guestDir, accel Accel) (string, error) {
	machine := cmp.Or(spec.Extra["hw_machine_type"], "pc")
	cd, ok := cdDrives[machine]
	if !ok {
		return "", errs.New(errs.NotSupported, "This host has no machine type %q.", machine)
	}
	devices := &libvirtxml.DomainDeviceList{
		Disks:       disks(spec, dir, cd),
		Controllers: controllers(machine),
		Serials:     []libvirtxml.DomainSerial{serial(dir)},
		MemBalloon:  &libvirtxml.DomainMemBalloon{Model: "virtio"},
		RNGs: []libvirtxml.DomainRNG{{
			Model:   "virtio",
			Backend: &libvirtxml.DomainRNGBackend{Random: &libvirtxml.DomainRNGBackendRandom{Device: "/dev/urandom"}},
		}},
	}
	for _, nic := range spec.NICs {
		i, err := interfaceOf(nic)
		if err != nil {
			return "", err
		}
		devices.Interfaces = append(devices.Interfaces, i)
	}
	off := &libvirtxml.DomainPMPolicy{Enabled: "no"}
	domain := &libvirtxml.Domain{
		Type: map[Accel]string{KVM: "kvm", TCG: "qemu"}[accel], Name: spec.Name, UUID: spec.ID, Metadata: dir.mark(),
		Memory:     &libvirtxml.DomainMemory{Value: uint(spec.MemoryMiB), Unit: "MiB"},
		VCPU:       &libvirtxml.DomainVCPU{Placement: "static", Value: uint(spec.VCPUs)},
		OS:         &libvirtxml.DomainOS{Type: &libvirtxml.DomainOSType{Arch: "x86_64", Machine: machine, Type: "hvm"}},
		Features:   &libvirtxml.DomainFeatureList{ACPI: &libvirtxml.DomainFeature{}, APIC: &libvirtxml.DomainFeatureAPIC{}},
		CPU:        processor(accel),
		Clock:      &libvirtxml.DomainClock{Offset: "utc"},
		OnPoweroff: "destroy", OnReboot: "restart", OnCrash: "destroy",
		PM:      &libvirtxml.DomainPM{SuspendToMem: off, SuspendToDisk: off},
		Devices: devices,
	}
	return domain.Marshal()
}

func processor(accel Accel) *libvirtxml.DomainCPU {
	if accel != KVM {
		return nil // emulated: QEMU's plain one is the fastest
	}
	return &libvirtxml.DomainCPU{Mode: "host-model", Check: "partial"}
}

func controllers(machine string) []libvirtxml.DomainController {
	list := []libvirtxml.DomainController{{Type: "usb", Model: "none"}}
	if machine == "q35" {
		list = append(list, libvirtxml.DomainController{Type: "pci", Index: new(uint), Model: "pcie-root"})
		for range hotplugPorts {
			list = append(list, libvirtxml.DomainController{Type: "pci", Model: "pcie-root-port"})
		}
	}
	return list
}

func serial(dir guestDir) libvirtxml.DomainSerial {
	port := uint(0)
	return libvirtxml.DomainSerial{
		Source: &libvirtxml.DomainChardevSource{File: &libvirtxml.DomainChardevSourceFile{Path: dir.console(), Append: "on"}},
		Target: &libvirtxml.DomainSerialTarget{Port: &port},
	}
}

// disks gives the guest's disks in the order it sees them, then its CD drives.
func disks(spec compute.GuestSpec, dir guestDir, cd cdDrive) (list []libvirtxml.DomainDisk) {
	add := func(format, file string, backing *libvirtxml.DomainDiskBackingStore) {
		name := fmt.Sprintf("vd%c", 'a'+len(list))
		list = append(list, libvirtxml.DomainDisk{
			Device: "disk", Driver: &libvirtxml.DomainDiskDriver{Name: "qemu", Type: format, Discard: "unmap"},
			Source: source(file), BackingStore: backing, Target: &libvirtxml.DomainDiskTarget{Dev: name, Bus: "virtio"},
		})
	}
	if hosting.RootBytes(spec) > 0 {
		add("qcow2", dir.root(), backing(spec.Image, dir))
		list[0].Boot = &libvirtxml.DomainDeviceBoot{Order: 1}
	}
	if spec.EphemeralGiB > 0 {
		add("raw", dir.ephemeral(), nil)
	}
	if spec.SwapMiB > 0 {
		add("raw", dir.swap(), nil)
	}
	drives := 0
	addCD := func(file string) *libvirtxml.DomainDisk {
		name := fmt.Sprintf("%s%c", cd.device, 'a'+drives)
		drives++
		list = append(list, libvirtxml.DomainDisk{
			Device: "cdrom", Driver: &libvirtxml.DomainDiskDriver{Name: "qemu", Type: "raw"}, Source: source(file),
			Target: &libvirtxml.DomainDiskTarget{Dev: name, Bus: cd.bus}, ReadOnly: &libvirtxml.DomainDiskReadOnly{},
		})
		return &list[len(list)-1]
	}
	if spec.Image.Format == "iso" {
		addCD(dir.base()).Boot = &libvirtxml.DomainDeviceBoot{Order: 2} // after a root disk that has been installed
	}
	if spec.ConfigDrive != nil {
		addCD(dir.config())
	}
	return list
}

// backing spells out the chain below a root disk, so that nothing is probed.
func backing(img compute.ImageSpec, dir guestDir) *libvirtxml.DomainDiskBackingStore {
	end := &libvirtxml.DomainDiskBackingStore{}
	if !hasBase(img) {
		return end
	}
	return &libvirtxml.DomainDiskBackingStore{
		Format: &libvirtxml.DomainDiskFormat{Type: baseFormat(img)}, Source: source(dir.base()), BackingStore: end,
	}
}

func source(file string) *libvirtxml.DomainDiskSource {
	return &libvirtxml.DomainDiskSource{File: &libvirtxml.DomainDiskSourceFile{File: file}}
}

// interfaceOf makes the interface for a port. Its alias names the port.
func interfaceOf(nic compute.NIC) (libvirtxml.DomainInterface, error) {
	i := libvirtxml.DomainInterface{
		MAC:   &libvirtxml.DomainInterfaceMAC{Address: nic.MAC},
		Model: &libvirtxml.DomainInterfaceModel{Type: cmp.Or(nic.Model, "virtio")},
		Alias: &libvirtxml.DomainAlias{Name: aliasOf(nic.PortID)},
	}
	switch {
	case nic.Type == "tap" && nic.Device != "":
		i.Source = &libvirtxml.DomainInterfaceSource{Ethernet: &libvirtxml.DomainInterfaceSourceEthernet{}}
		i.Target = &libvirtxml.DomainInterfaceTarget{Dev: nic.Device, Managed: "no"}
		if nic.MTU > 0 {
			i.MTU = &libvirtxml.DomainInterfaceMTU{Size: uint(nic.MTU)}
		}
	case nic.Type == "sim":
		// A simulated network carries nothing: a user interface would reach the
		// host's network, so its cable is out.
		i.Source = &libvirtxml.DomainInterfaceSource{User: &libvirtxml.DomainInterfaceSourceUser{}}
		i.Link = &libvirtxml.DomainInterfaceLink{State: "down"}
	default:
		return i, errs.New(errs.NotSupported, "port %s: this host cannot plug interfaces of type %q", nic.PortID, nic.Type)
	}
	return i, nil
}

// aliasOf is the alias of the interface for a port; libvirt keeps aliases that
// begin with "ua-" as they are.
func aliasOf(portID string) string { return "ua-" + portID }

func textID(id [16]byte) string { return uuid.UUID(id).String() }
