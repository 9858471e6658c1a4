// Package kill kills the processes of clouds with SIGKILL, at every step of
// what they do, and holds what is there afterwards to what was promised: each
// server is ACTIVE, gone, or in ERROR with its reason; what was acknowledged is
// so; and doctor finds nothing.
//
//	go test ./test/kill                                      // what a change is tested with
//	go test ./test/kill -v -rounds 200 -real 24 -shared 24   // make kill ROUNDS=200
//
// A simulated round is a process of this very test, with a cloud over a state
// directory and a simulated host that outlives it; it is told to kill itself
// after so many seams: of the database, of calls, of steps. A real round is
// cumulited, libvirtd, QEMU and Linux' networking, of which one is killed from
// outside, at any moment of the first seconds. A round on PostgreSQL kills
// cumulited, a hostagent with a simulated host, or PostgreSQL.
package kill
