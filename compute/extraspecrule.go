package compute

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/cumulite/cumulite/platform/errs"
)

// specTable has the extra specs that Nova knows, one a line: the name, a
// regular expression, and what the value is: text, bool, int with its least
// value, enum with its values, or like with a regular expression.
const specTable = `
accel:device_profile text
aggregate_instance_extra_specs:.+ text
capabilities:(id|uuid|service_id|host|vcpus|memory_mb|local_gb|vcpus_used|memory_mb_used|local_gb_used|hypervisor_type|hypervisor_version) text
capabilities:(hypervisor_hostname|free_ram_mb|free_disk_gb|current_workload|running_vms|disk_available_least|host_ip|mapped|cell_uuid|updated) text
capabilities:(cpu_allocation_ratio|ram_allocation_ratio|disk_allocation_ratio|total_usable_ram_mb|total_usable_disk_gb|disk_mb_used|free_disk_mb) text
capabilities:(vcpus_total|num_instances|num_io_ops|failed_builds|aggregates) text
capabilities:(cpu_info|metrics|stats|numa_topology|supported_hv_specs|pci_device_pools|nodename|pci_stats|supported_instances|limits|instances)(:\w+)* text
group_policy enum isolate none
hide_hypervisor_id bool
hw:(cpu_realtime|hide_hypervisor_id|locked_memory|boot_menu|vif_multiqueue_enabled|mem_encryption|pmu|virtio_packed_ring|ephemeral_encryption) bool
hw:(cpu_realtime_mask|cpu_dedicated_mask|numa_cpus\.\d+) like (\^)?\d+((-\d+)?(,\^?\d+(-\d+)?)?)*
hw:cpu_policy enum dedicated shared mixed
hw:cpu_thread_policy enum prefer isolate require
hw:emulator_threads_policy enum share isolate
hw:mem_page_size like (large|small|any|\d+([kKMGT]i?)?(b|bit|B)?)
hw:(numa_nodes|numa_mem\.\d+|cpu_sockets|cpu_cores|cpu_threads|cpu_max_sockets|cpu_max_cores|cpu_max_threads) int 1
hw:serial_port_count int 0
hw:pci_numa_affinity_policy enum required preferred legacy socket
hw:pmem like ([a-zA-Z0-9_]+(,)?)+
hw:tpm_model enum tpm-tis tpm-crb
hw:tpm_version enum 1.2 2.0
hw:watchdog_action enum none pause poweroff reset disabled
hw:viommu_model enum intel smmuv3 virtio auto
hw:ephemeral_encryption_format enum luks
hw_rng:allowed bool
hw_rng:(rate_bytes|rate_period) int 0
hw_video:ram_max_mb int 0
os:secure_boot enum disabled required
pci_passthrough:alias like [^:]+:\d+(?:\s*,\s*[^:]+:\d+)*
quota:(cpu|memory|disk_io|vif)_(limit|shares_share) int 0
quota:((cpu|memory|disk_io|vif)_reservation|cpu_quota) int -9223372036854775808
quota:(cpu|memory|disk_io|vif)_shares_level enum custom high normal low
quota:(cpu_shares|cpu_period|disk_(read|write|total)_(bytes|iops)_sec|vif_(inbound|outbound)_(average|peak|burst)) int 0
resources([a-zA-Z0-9_-]{1,64})?:(VCPU|MEMORY_MB|DISK_GB|PCI_DEVICE|SRIOV_NET_VF|NUMA_(SOCKET|CORE|THREAD|MEMORY_MB)|IPV4_ADDRESS|VGPU|VGPU_DISPLAY_HEAD|PCPU|MEM_ENCRYPTION_CONTEXT|FPGA|PGPU) int -9223372036854775808
resources([a-zA-Z0-9_-]{1,64})?:(NET_BW_(EGR|IGR)_KILOBIT_PER_SEC|NET_PACKET_RATE_((EGR|IGR)_)?KILOPACKET_PER_SEC|CUSTOM_[A-Z0-9_]+) int -9223372036854775808
trait([a-zA-Z0-9_-]{1,64})?:(HW|COMPUTE|STORAGE|MISC|OWNER|CUSTOM)_[A-Z0-9_]+ enum required forbidden
vmware:(hw_version|storage_policy) text
`

// specNamespace is what begins the name of an extra spec that must be known.
var specNamespace = regexp.MustCompile(`^(accel|aggregate_instance_extra_specs|capabilities|hw|hw_rng|hw_video|os|pci_passthrough|quota|(resources|trait)([a-zA-Z0-9_-]{1,64})?|vmware):`)

// specRule is a line of specTable.
type specRule struct {
	name *regexp.Regexp
	kind string
	args []string
}

var specRules = sync.OnceValue(func() (rules []specRule) {
	for line := range strings.Lines(strings.TrimSpace(specTable)) {
		words := strings.Fields(line)
		rules = append(rules, specRule{regexp.MustCompile("^(?:" + words[0] + ")$"), words[1], words[2:]})
	}
	return rules
})

// CheckExtraSpecs refuses extra specs in Nova's namespaces that it does not
// know, and values that they cannot have. The API asks for it since 2.86.
func CheckExtraSpecs(specs map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(specs)) {
		if err := checkExtraSpec(name, specs[name]); err != nil {
			return err
		}
	}
	return nil
}

func checkExtraSpec(name, value string) error {
	for _, r := range specRules() {
		if r.name.MatchString(name) {
			return r.check(value)
		}
	}
	if specNamespace.MatchString(name) {
		return errs.Invalidf("Validation failed; extra spec '%s' does not appear to be a valid extra spec.", name)
	}
	return nil
}

// specBools are the words that Nova takes for true and false.
var specBools = strings.Fields("t true on y yes 1 f false off n no 0")

func (r specRule) check(value string) error {
	switch r.kind {
	case "bool":
		if !slices.Contains(specBools, strings.ToLower(strings.TrimSpace(value))) {
			return errs.Invalidf("Validation failed; '%s' is not a valid boolean-like value.", value)
		}
	case "enum":
		if !slices.Contains(r.args, value) {
			return errs.Invalidf("Validation failed; '%s' is not one of: %s.", value, strings.Join(r.args, ", "))
		}
	case "like":
		if !regexp.MustCompile("^(?:" + r.args[0] + ")$").MatchString(value) {
			return errs.Invalidf("Validation failed; '%s' is not of the format '%s'.", value, r.args[0])
		}
	case "int":
		n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		if err != nil {
			return errs.Invalidf("Validation failed; '%s' is not a valid integer value.", value)
		}
		if least, _ := strconv.ParseInt(r.args[0], 10, 64); n < least {
			return errs.Invalidf("Validation failed; '%d' is less than the min value of '%d'.", n, least)
		}
	}
	return nil
}
