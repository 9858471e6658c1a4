package compute

import (
	"context"
	"net/netip"
	"regexp"
	"strings"
	"unicode"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// UpdateServer changes what a user may change of a server without its guest
// taking part.
func (s *Service) UpdateServer(ctx context.Context, id string, in UpdateServer) (*Server, error) {
	srv, err := s.changeServer(ctx, ActionServerUpdate, id, func(ctx context.Context, tx *store.Tx, srv *Server) ([]string, error) {
		set(&srv.Name, in.Name)
		set(&srv.Description, in.Description)
		set(&srv.Hostname, in.Hostname)
		set(&srv.AccessIPv4, in.AccessIPv4)
		set(&srv.AccessIPv6, in.AccessIPv6)
		set(&srv.DiskConfig, in.DiskConfig)
		if err := srv.validate(); err != nil {
			return nil, err
		}
		if err := s.emit(ctx, tx, "updated", srv); err != nil {
			return nil, err
		}
		return []string{"name", "description", "hostname", "access_ipv4", "access_ipv6", "disk_config"}, s.refreshMetadata(ctx, tx, srv)
	})
	if err != nil {
		return nil, err
	}
	return srv, s.withTags(ctx, srv)
}

// set gives a field the value that a request has for it.
func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

// hostname is what a guest may be called.
var hostname = regexp.MustCompile(`^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$`)

// validate refuses what a user may not say of a server, and gives its addresses their usual spelling.
func (s *Server) validate() error {
	switch {
	case strings.TrimSpace(s.Name) == "" || len([]rune(s.Name)) > 255 || strings.ContainsFunc(s.Name, unicode.IsControl):
		return errs.Invalidf("Invalid input for field/attribute name. Value: %s. A name has 1 to 255 printable characters.", s.Name)
	case s.Description != nil && len([]rune(*s.Description)) > 255:
		return errs.Invalidf("Invalid input for field/attribute description. A description has at most 255 characters.")
	case !hostname.MatchString(s.Hostname):
		return errs.Invalidf("Invalid input for field/attribute hostname. Value: %s. It is not a hostname.", s.Hostname)
	case s.DiskConfig != "AUTO" && s.DiskConfig != "MANUAL":
		return errs.Invalidf("OS-DCF:diskConfig must be either 'MANUAL' or 'AUTO'.")
	case !readAddress(&s.AccessIPv4, netip.Addr.Is4):
		return errs.Invalidf("accessIPv4 is not proper IPv4 format")
	case !readAddress(&s.AccessIPv6, netip.Addr.Is6):
		return errs.Invalidf("accessIPv6 is not proper IPv6 format")
	}
	return nil
}

// readAddress spells an address as it is spelt everywhere else, and tells whether it is one. "" is none.
func readAddress(text *string, family func(netip.Addr) bool) bool {
	if *text == "" {
		return true
	}
	addr, err := netip.ParseAddr(*text)
	if err != nil || !family(addr) {
		return false
	}
	*text = addr.String()
	return true
}

// notInHostname is what hostnames have none of.
var notInHostname = regexp.MustCompile(`[^a-z0-9-]+`)

// hostnameOf makes a hostname of a server's name, as Nova does.
func hostnameOf(name, id string) string {
	host := strings.ToLower(strings.NewReplacer(" ", "-", "_", "-", ".", "-").Replace(name))
	host = strings.Trim(notInHostname.ReplaceAllString(host, ""), "-")
	host = strings.TrimRight(host[:min(len(host), 63)], "-")
	if host == "" {
		return "server-" + id
	}
	return host
}

// LockServer keeps a server from being changed by its owner, or, when an
// administrator does it, from being unlocked by its owner.
func (s *Service) LockServer(ctx context.Context, id string, reason *string) error {
	if reason != nil && (len([]rune(*reason)) > 255 || *reason == "") {
		return errs.Invalidf("Invalid input for field/attribute locked_reason. A reason has 1 to 255 characters.")
	}
	_, err := s.changeServer(ctx, ActionServerLock, id, func(ctx context.Context, tx *store.Tx, srv *Server) ([]string, error) {
		by := "owner"
		if s.isAdmin(ctx) && !ownedBy(ctx, srv) {
			by = "admin"
		}
		if srv.Locked && srv.LockedBy == "admin" {
			by = "admin" // an owner's lock does not weaken it
		}
		srv.Locked, srv.LockedBy, srv.LockedReason = true, by, reason
		return s.lockChanged(ctx, tx, srv, "lock")
	})
	return err
}

// UnlockServer takes a lock away. That of an administrator needs the right to override it.
func (s *Service) UnlockServer(ctx context.Context, id string) error {
	_, err := s.changeServer(ctx, ActionServerUnlock, id, func(ctx context.Context, tx *store.Tx, srv *Server) ([]string, error) {
		if srv.LockedBy == "admin" {
			if err := s.policy.Check(ctx, ActionServerUnlockOther, srv.target()); err != nil {
				return nil, err
			}
		}
		srv.Locked, srv.LockedBy, srv.LockedReason = false, "", nil
		return s.lockChanged(ctx, tx, srv, "unlock")
	})
	return err
}

func (s *Service) lockChanged(ctx context.Context, tx *store.Tx, srv *Server, what string) ([]string, error) {
	if err := s.beginAction(ctx, tx, srv.ID, what); err != nil {
		return nil, err
	}
	return []string{"locked", "locked_by", "locked_reason"}, s.emit(ctx, tx, what, srv)
}

// ResetServer says that a server is in VMActive or VMError, whatever it is in.
// What is being done to it is ended. One that is being built can only be given
// up: it is in VMError once what was built of it is gone.
func (s *Service) ResetServer(ctx context.Context, id string, to VMState) error {
	if to != VMActive && to != VMError {
		return errs.Invalidf("A server can only be reset to 'active' or 'error'.")
	}
	_, err := s.changeServer(ctx, ActionServerReset, id, func(ctx context.Context, tx *store.Tx, srv *Server) ([]string, error) {
		built := srv.VM != VMBuilding
		if srv.Task == TaskDeleting || !built && to == VMActive {
			return nil, errs.Conflictf("Cannot 'reset state' instance %s while it is in task_state %s", id, srv.Task)
		}
		if err := s.Ops.Cancel(ctx, tx, id); err != nil {
			return nil, err
		}
		if built {
			srv.setState(State{VM: to})
		}
		if to == VMActive {
			srv.Fault = nil
		}
		return []string{"fault"}, s.beginAction(ctx, tx, id, "resetState")
	})
	return err
}
