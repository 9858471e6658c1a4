// Package inspect decides whether the bytes of an uploaded image are what its
// owner declares, and nothing that could make a tool read or write another
// file of the host.
//
// A tool that is let loose on a tenant's bytes can be talked into opening a
// path that the bytes name: a qcow2 backing file, an external data file, a
// VMDK extent, a parent of a VHD. So no tool ever guesses; this package looks
// first. It sees an image once, while it is uploaded, and keeps only its
// beginning, its end and at most one region between, together less than 1 MiB:
//
//	ins := inspect.New(inspect.QCOW2)
//	_, err := io.Copy(io.MultiWriter(store, ins), upload) // stops early when refused
//	report, err := ins.Finish()
//
// All known formats are looked for at once. An image is accepted when its
// declared format is found, whole and self-contained, and no other is. Raw is
// the absence of every other format. A disk's own structures (boot sector,
// partition table) are no format: they are found in raw disks and hybrid ISO
// images alike.
//
// The verdict depends on the bytes and the declared format only, never on how
// the bytes were cut into writes. What a guest writes into its disk later is
// outside: such a disk stays raw for ever.
package inspect
