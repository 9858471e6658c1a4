// Package soak runs whole clouds through what clouds go through, and holds
// them to what they promised.
//
// A run is one process with a cloud, simulated hosts and a few tenants, in a
// bubble whose time is its own. All that happens follows from a seed: tenants
// call the API at random, while the cloud is killed and opened again, hosts
// crash and are cut off, calls are lost, repeated and late, the disk is slow
// or full, and clocks jump. Then everything is mended, the cloud gets time to
// come to rest, and two things must hold: what was acknowledged is so, and the
// invariants of all services (cloud.Doctor).
//
//	go test ./test/soak                  // what CI runs
//	go test ./test/soak -seconds 3600    // as long as wished: make soak
//	go test ./test/soak -seed 42 -v      // once more, with everything that happened
//
// A seed gives the same program each time. Goroutines that run at the same
// time may still meet in another order, so that a seed which found something
// may have to be run a few times.
package soak
