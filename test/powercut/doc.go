// Package powercut proves that acknowledged means on disk: cumulited runs in an
// emulated machine with a disk of its own, clients write through its APIs, the
// machine loses its power (QEMU is killed), and is switched on again. What was
// acknowledged is there.
package powercut
