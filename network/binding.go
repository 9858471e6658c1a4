package network

import (
	"context"
	"slices"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// Binding says which device a port is of, and on which host.
type Binding struct {
	Host        string // the name of its driver
	DeviceID    string // the server
	DeviceOwner string // "compute:nova"
	Zone        string // the availability zone, where DeviceOwner does not say
}

// Plug makes a port real on a host and says where the guest's interface is
// plugged in. It may be called again, also when it failed. For services only,
// outside of transactions.
func (s *Service) Plug(ctx context.Context, portID string, b Binding) (VIF, error) {
	if err := onlyServices(ctx); err != nil {
		return VIF{}, err
	}
	if _, err := s.driver(ctx, b.Host); err != nil {
		return VIF{}, err
	}
	if b.DeviceOwner == "" {
		b.DeviceOwner = OwnerCompute + b.Zone
	}
	if err := s.bind(ctx, portID, b); err != nil {
		return VIF{}, err
	}
	if _, _, err := s.bring(ctx, placement{Kind: objPort, ID: portID, Host: b.Host}); err != nil {
		return VIF{}, err
	}
	p, err := s.GetPort(ctx, portID)
	if err != nil {
		return VIF{}, err
	}
	if p.Host != b.Host || p.VIF.Type == "" {
		return VIF{}, errs.Conflictf("Port %s was taken off host %s meanwhile.", portID, b.Host)
	}
	return p.VIF, nil
}

// bind records where a port is about to be.
func (s *Service) bind(ctx context.Context, portID string, b Binding) error {
	return s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		p, err := ports.find(ctx, s, tx, portID)
		if err != nil {
			return err
		}
		if p.DeviceID != "" && p.DeviceID != b.DeviceID {
			return p.inUse()
		}
		if p.Host == b.Host && p.DeviceID == b.DeviceID && p.DeviceOwner == b.DeviceOwner && p.Status == PortActive {
			return nil
		}
		moved := p.Host != b.Host
		if moved {
			p.VIF = VIF{}
		}
		p.Host, p.DeviceID, p.DeviceOwner, p.Status = b.Host, b.DeviceID, b.DeviceOwner, PortBuild
		if err := ports.update(ctx, s, tx, p, "host_id", "device_id", "device_owner", "status", "vif"); err != nil {
			return err
		}
		if err := s.leave(ctx, tx, p); err != nil {
			return err
		}
		if err := raise(ctx, tx, p.ID); err != nil {
			return err
		}
		return place(ctx, tx, placement{Kind: objPort, ID: p.ID, Host: b.Host, NetworkID: p.NetworkID})
	})
}

// leave has the hosts drop a port that it is not bound to.
func (s *Service) leave(ctx context.Context, tx *store.Tx, p *Port) error {
	var there []placement
	if err := tx.NewSelect().Model(&there).Where("id = ? AND host <> ?", p.ID, p.Host).Scan(ctx); err != nil {
		return err
	}
	for _, pl := range there {
		if err := s.enqueue(ctx, tx, pl); err != nil {
			return err
		}
	}
	return nil
}

// placePort has a port's host make it, and its former one drop it.
func (s *Service) placePort(ctx context.Context, tx *store.Tx, p *Port) error {
	if s.drives(p) {
		if err := place(ctx, tx, placement{Kind: objPort, ID: p.ID, Host: p.Host, NetworkID: p.NetworkID}); err != nil {
			return err
		}
	}
	return s.touch(ctx, tx, objPort, p.ID)
}

// drives tells whether a port is to be made real on a host of ours.
func (s *Service) drives(p *Port) bool {
	_, there := s.drivers.Get(p.Host)
	return there && !p.own()
}

// Unplug takes a port off its host, and its device from it. It may be called
// again; a port that is not there is errs.NotFound. For services only.
func (s *Service) Unplug(ctx context.Context, portID string) error {
	if err := onlyServices(ctx); err != nil {
		return err
	}
	var there []placement
	err := s.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		p, err := ports.find(ctx, s, tx, portID)
		if err != nil {
			return err
		}
		if p.Host != "" || p.DeviceID != "" {
			p.Host, p.DeviceID, p.DeviceOwner, p.Status, p.VIF = "", "", "", PortDown, VIF{}
			if err := ports.update(ctx, s, tx, p, "host_id", "device_id", "device_owner", "status", "vif"); err != nil {
				return err
			}
			if err := s.touch(ctx, tx, objPort, p.ID); err != nil {
				return err
			}
		}
		there = nil
		return tx.NewSelect().Model(&there).Where("id = ?", p.ID).Scan(ctx)
	})
	if err != nil {
		return err
	}
	for _, pl := range there {
		if _, _, err := s.bring(ctx, pl); err != nil {
			return err
		}
	}
	return nil
}

// SetMetadataSource sets what is asked for the metadata of guests. It is
// called before Run, once.
func (s *Service) SetMetadataSource(source func(ctx context.Context, p *Port) (Metadata, error)) {
	s.metadata = source
}

// RefreshMetadata asks for a guest's metadata again and brings it to its host.
// A port that is on no host needs none. For services only.
func (s *Service) RefreshMetadata(ctx context.Context, portID string) error {
	if err := onlyServices(ctx); err != nil {
		return err
	}
	p, err := s.GetPort(ctx, portID)
	if err != nil {
		return err
	}
	hosts, err := s.wanted(ctx, s.DB.Read(), portID)
	if err != nil || !slices.Contains(hosts, p.Host) {
		return err
	}
	driver, err := s.driver(ctx, p.Host)
	if err != nil {
		return err
	}
	return s.sendMetadata(ctx, driver, portID)
}

func onlyServices(ctx context.Context) error {
	if !auth.From(ctx).HasRole(auth.ServiceRole) {
		return errs.Forbiddenf("Only services may do this.")
	}
	return nil
}
