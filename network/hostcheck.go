package network

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cumulite/cumulite/platform/doctor"
)

// checkHosts compares what all hosts have with what they were told, all at once.
func (s *Service) checkHosts(ctx context.Context) (found []doctor.Finding, err error) {
	var mu sync.Mutex
	s.drivers.Each(func(host string, d Driver) {
		some, failed := s.checkHost(ctx, host, d)
		mu.Lock()
		defer mu.Unlock()
		found = append(found, some...)
		if err == nil {
			err = failed
		}
	})
	return found, err
}

// checkHost compares what one host has. It is asked between two looks at the
// rows: only what stayed as it was in between is compared.
func (s *Service) checkHost(ctx context.Context, host string, d Driver) ([]doctor.Finding, error) {
	before, err := s.placedOn(ctx, host)
	if err != nil {
		return nil, err
	}
	bounded, cancel := context.WithTimeout(ctx, inventoryTimeout)
	defer cancel()
	has, err := d.Inventory(bounded)
	if err != nil {
		return []doctor.Finding{{Object: "host " + host, Says: "it does not answer: what it has is not known", Unknown: true}}, nil
	}
	now, err := s.placedOn(ctx, host)
	if err != nil {
		return nil, err
	}
	return append(s.lacking(before, now, has), s.surplus(host, before, now, has)...), nil
}

// inventoryTimeout is how long a host may take to say what it has.
const inventoryTimeout = 30 * time.Second

// placedOn gives what a host is told of, by the ids of the objects.
func (s *Service) placedOn(ctx context.Context, host string) (map[string]told, error) {
	all, err := s.told(ctx, host)
	on := make(map[string]told, len(all))
	for _, p := range all {
		on[p.ID] = p
	}
	return on, err
}

// lacking finds what the host was told of and does not have, or has as it was before.
func (s *Service) lacking(before, now map[string]told, has Inventory) (found []doctor.Finding) {
	for id, p := range now {
		is, there := has.of(p.Kind)[id]
		if p != before[id] || p.Pending || p.Applied < p.Generation || there && is >= p.Generation || s.hands.busy(p.key()) {
			continue
		}
		found = append(found, doctor.Finding{Object: p.name(), Says: fmt.Sprintf("the host does not have it as of its change %d", p.Generation), Repair: func(ctx context.Context) error { return s.repair(ctx, p.placement) }})
	}
	return found
}

// surplus finds what the host has and was not told of.
func (s *Service) surplus(host string, before, now map[string]told, has Inventory) (found []doctor.Finding) {
	for _, kind := range []object{objPort, objRouter, objGroup, objNetwork} {
		for id := range has.of(kind) {
			pl := placement{ID: id, Host: host, Kind: kind}
			_, was := before[id]
			_, is := now[id]
			if was || is || s.hands.busy(pl.key()) {
				continue
			}
			found = append(found, doctor.Finding{Object: pl.name(), Says: "the host has it, and was not told", Repair: func(ctx context.Context) error {
				_, _, err := s.bring(ctx, pl)
				return err
			}})
		}
	}
	return found
}
