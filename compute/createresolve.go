package compute

import (
	"context"
	"slices"
	"strings"

	"github.com/cumulite/cumulite/image"
	"github.com/cumulite/cumulite/platform/errs"
)

// ImageService is what compute needs of the image service; *image.Service is one.
type ImageService interface {
	// GetImage gives an image that the caller may see, else errs.NotFound.
	GetImage(ctx context.Context, id string) (*image.Image, error)
	// Verified says what the bytes of an image are that the caller may use.
	Verified(ctx context.Context, id string) (image.Verified, error)
}

// badRequest makes what a request names, and what is not there, an error of the request.
func badRequest(err error) error {
	if errs.Is(err, errs.NotFound) {
		return errs.Invalidf("%s", errs.Message(err))
	}
	return err
}

func (s *Service) resolveFlavor(ctx context.Context, o *order) error {
	f, err := s.findFlavor(ctx, s.DB.Read(), o.FlavorID)
	if err != nil {
		return badRequest(err)
	}
	if f.Disabled {
		return errs.Invalidf("Flavor %s could not be found.", o.FlavorID)
	}
	o.model.Flavor = ServerFlavor{ID: f.ID, Name: f.Name, VCPUs: f.VCPUs, MemoryMiB: f.MemoryMiB, DiskGiB: f.DiskGiB, EphemeralGiB: f.EphemeralGiB,
		SwapMiB: f.SwapMiB, RxTxFactor: f.RxTxFactor, ExtraSpecs: f.ExtraSpecs}
	return nil
}

func (s *Service) resolveImage(ctx context.Context, o *order) error {
	if err := s.setImage(ctx, &o.model, o.ImageID); err != nil {
		return err
	}
	if o.model.ImageProperties["img_config_drive"] == "mandatory" {
		o.model.ConfigDrive = true
	}
	if o.model.Flavor.DiskGiB == 0 {
		return s.checkOwn(ctx, ActionServerZeroDisk)
	}
	return nil
}

// setImage makes an image that which a server boots from, when the caller may
// use it and it fits the server's flavor.
func (s *Service) setImage(ctx context.Context, srv *Server, id string) error {
	i, err := s.Images.GetImage(ctx, id)
	if errs.Is(err, errs.NotFound) {
		return errs.Invalidf("Image %s could not be found.", id)
	}
	if err != nil {
		return err
	}
	if i.Status != image.Active {
		return errs.Invalidf("Image %s is not active.", id)
	}
	v, err := s.Images.Verified(ctx, id)
	if err != nil {
		return badRequest(err)
	}
	if err := fits(&srv.Flavor, i, v); err != nil {
		return err
	}
	srv.ImageID = id
	srv.Image = ImageSpec{ID: id, Format: v.Format(), Size: v.Size(), VirtualSize: v.VirtualSize(), Checksum: v.Hash()}
	srv.ImageProperties = i.Properties
	if srv.ImageProperties == nil {
		srv.ImageProperties = map[string]string{}
	}
	return nil
}

// fits refuses images that need more than a flavor has.
func fits(f *ServerFlavor, i *image.Image, v image.Verified) error {
	const gib = 1 << 30
	disk := int64(f.DiskGiB) * gib
	switch {
	case i.MinRAM > int64(f.MemoryMiB):
		return errs.Invalidf("Flavor's memory is too small for requested image.")
	case f.DiskGiB == 0: // as large as the image
		return nil
	case v.Format() != "iso" && v.VirtualSize() > disk:
		return errs.Invalidf("Flavor's disk is too small for requested image. Flavor disk is %d bytes, image is %d bytes.", disk, v.VirtualSize())
	case i.MinDisk > int64(f.DiskGiB):
		return errs.Invalidf("Flavor's disk is smaller than the minimum size specified in image metadata. Flavor disk is %d bytes, minimum size is %d bytes.", disk, i.MinDisk*gib)
	}
	return nil
}

func (s *Service) resolveKey(ctx context.Context, o *order) error {
	if o.KeyName == "" {
		return nil
	}
	return s.setKey(ctx, &o.model, o.KeyName)
}

// setKey gives a server a key of the caller's.
func (s *Service) setKey(ctx context.Context, srv *Server, name string) error {
	k, err := s.GetKeypair(ctx, "", name)
	if errs.Is(err, errs.NotFound) {
		return errs.Invalidf("Invalid key_name provided.")
	}
	if err != nil {
		return err
	}
	srv.KeyName, srv.KeyType, srv.PublicKey = k.Name, k.Type, k.PublicKey
	return nil
}

// resolvePlace reads where the servers shall be: a zone, or a host.
func (s *Service) resolvePlace(ctx context.Context, o *order) error {
	zone, host, node := splitZone(o.Zone)
	if host != "" || node != "" {
		if err := s.checkOwn(ctx, ActionServerForceHost); err != nil {
			return err
		}
		o.force = true
	}
	if o.Host != "" || o.Node != "" {
		if o.force {
			return errs.Invalidf("The requested host and the host in the availability zone exclude each other.")
		}
		if err := s.checkOwn(ctx, ActionServerChooseHost); err != nil {
			return err
		}
		host, node = o.Host, o.Node
	}
	if host != "" && node != "" && host != node {
		return errs.Invalidf("No valid host was found. Compute host %s and hypervisor %s are not the same.", host, node)
	}
	if host == "" {
		host = node // a host has one hypervisor, of its name
	}
	return s.checkPlace(ctx, o, zone, host)
}

// splitZone takes "zone:host:node" apart.
func splitZone(text string) (zone, host, node string) {
	parts := append(strings.SplitN(text, ":", 3), "", "")
	return parts[0], parts[1], parts[2]
}

func (s *Service) checkPlace(ctx context.Context, o *order, zone, host string) error {
	if zone == "" && host == "" {
		return nil
	}
	hosts, err := allHosts(ctx, s.DB.Read())
	if err != nil {
		return err
	}
	if zone != "" && !slices.ContainsFunc(hosts, func(h Host) bool { return h.Zone == zone }) {
		return errs.Invalidf("The requested availability zone is not available")
	}
	if host != "" && !slices.ContainsFunc(hosts, func(h Host) bool { return h.Name == host }) {
		return errs.Invalidf("Compute host %s could not be found.", host)
	}
	o.model.RequestedZone, o.model.RequestedHost = zone, host
	return nil
}
