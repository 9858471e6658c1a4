// Package network is the network service: networks, subnets, ports, routers,
// floating addresses and security groups (Neutron's API v2.0).
//
// The Service holds the rules and the rows; a Driver realises them on hosts.
package network
