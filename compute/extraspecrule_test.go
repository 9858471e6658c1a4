package compute_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/errs"
)

func TestExtraSpecsThatNovaKnows(t *testing.T) {
	require.NoError(t, compute.CheckExtraSpecs(map[string]string{
		"hw:cpu_policy": "dedicated", "hw:numa_nodes": "2", "hw:numa_cpus.0": "0-3,^2", "hw:mem_page_size": "1GB", "hw:cpu_realtime": "yes",
		"resources:VCPU": "4", "resources_A:CUSTOM_FAST": "1", "trait:HW_CPU_X86_AVX2": "required", "trait1:CUSTOM_GOLD": "forbidden",
		"quota:cpu_quota": "-1", "quota:disk_read_iops_sec": "100", "pci_passthrough:alias": "gpu:1, nic:2", "capabilities:cpu_info:features": "x",
		"group_policy": "none", "aggregate_instance_extra_specs:ssd": "true",
		"anything": "goes", "mine:whatever": "too",
	}))
}

func TestExtraSpecsThatNovaRefuses(t *testing.T) {
	for name, c := range map[string]struct{ value, message string }{
		"hw:numa_node":         {"1", "Validation failed; extra spec 'hw:numa_node' does not appear to be a valid extra spec."},
		"hw:cpu_policy":        {"greedy", "Validation failed; 'greedy' is not one of: dedicated, shared, mixed."},
		"hw:cpu_sockets":       {"0", "Validation failed; '0' is less than the min value of '1'."},
		"hw:cpu_cores":         {"two", "Validation failed; 'two' is not a valid integer value."},
		"hw:boot_menu":         {"perhaps", "Validation failed; 'perhaps' is not a valid boolean-like value."},
		"hw:pmem":              {"a b", "Validation failed; 'a b' is not of the format '([a-zA-Z0-9_]+(,)?)+'."},
		"resources:VCPUS":      {"1", "Validation failed; extra spec 'resources:VCPUS' does not appear to be a valid extra spec."},
		"trait:HW_CPU_X86_SSE": {"wanted", "Validation failed; 'wanted' is not one of: required, forbidden."},
	} {
		err := compute.CheckExtraSpecs(map[string]string{name: c.value})
		refused(t, errs.Invalid, err)
		require.Equal(t, c.message, errs.Message(err))
	}
}
