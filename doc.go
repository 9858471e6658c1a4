// Package cumulite is OpenStack as a Go library.
//
// Each OpenStack service is a package of its own with a domain model, a
// service that holds the rules and narrow driver interfaces: identity, image,
// network, compute and more to come. Drivers (folder drivers) implement them
// on real technology. What all services stand on is in folder platform.
//
// ARCHITECTURE.md tells how the parts fit together, CONTRIBUTING.md how to add one.
package cumulite
