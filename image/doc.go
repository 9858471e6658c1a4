// Package image is the image service: disk images that servers boot from
// (Glance, Image API v2).
//
//	images, err := image.New(image.Deps{DB: db, Clock: clk, Events: bus, Store: files}, nil)
//	img, err := images.CreateImage(ctx, image.CreateImage{Name: "debian", DiskFormat: "qcow2", ContainerFormat: "bare"})
//	err = images.Upload(ctx, img.ID, body)
//	verified, err := images.Verified(ctx, img.ID)
//	r, err := images.Open(ctx, verified, 0)
//
// Bytes are inspected while they arrive (package inspect). What is not the
// format it was declared to be never becomes an active image, and only a
// Verified, which this package alone makes, gives access to bytes.
package image
