// Package compute is the compute service: servers, flavors, keypairs and the
// hosts they run on (Nova's API v2.1).
//
// The Service holds the rules and the rows; a Hypervisor runs guests on a host.
package compute
