package compute

import (
	"context"
	"slices"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/store"
)

// SecurityGroups gives the security groups of the caller's project, in which
// clients look up what they name to a server.
func (s *Service) SecurityGroups(ctx context.Context) ([]network.SecurityGroup, error) {
	if err := s.checkOwn(ctx, ActionSecurityGroupList); err != nil {
		return nil, err
	}
	list, _, err := s.Networks.ListSecurityGroups(ctx, store.Query{Filters: []store.Filter{{Field: "project_id", Values: []string{auth.From(ctx).ProjectID()}}}})
	return list, err
}

// SecurityGroup gives a security group by its id.
func (s *Service) SecurityGroup(ctx context.Context, id string) (*network.SecurityGroup, error) {
	if err := s.checkOwn(ctx, ActionSecurityGroupShow); err != nil {
		return nil, err
	}
	list, _, err := s.Networks.ListSecurityGroups(ctx, store.Query{Filters: []store.Filter{{Field: "id", Values: []string{id}}}})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, errs.NotFoundf("Security group %s not found.", id)
	}
	return &list[0], nil
}

// ServerSecurityGroups gives the security groups that a server's ports have.
func (s *Service) ServerSecurityGroups(ctx context.Context, id string) ([]network.SecurityGroup, error) {
	list, err := s.attachments(ctx, ActionServerGroupsOfList, id)
	if err != nil {
		return nil, err
	}
	return s.groupsOn(ctx, list)
}

// SecurityGroupsOf gives the security groups of the ports that Addresses gave,
// by their ids.
func (s *Service) SecurityGroupsOf(ctx context.Context, ports map[string][]network.Attachment) (map[string]network.SecurityGroup, error) {
	var all []network.Attachment
	for _, list := range ports {
		all = append(all, list...)
	}
	groups, err := s.groupsOn(ctx, all)
	byID := make(map[string]network.SecurityGroup, len(groups))
	for _, g := range groups {
		byID[g.ID] = g
	}
	return byID, err
}

// groupsOn gives each security group that is on one of the ports.
func (s *Service) groupsOn(ctx context.Context, ports []network.Attachment) ([]network.SecurityGroup, error) {
	var ids []string
	for _, a := range ports {
		ids = append(ids, a.Port.Groups...)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	slices.Sort(ids)
	groups, _, err := s.Networks.ListSecurityGroups(asCompute(ctx), store.Query{Filters: []store.Filter{{Field: "id", Values: slices.Compact(ids)}}})
	return groups, err
}

// AddSecurityGroup gives all ports of a server a security group of the
// caller's project, named by name or id.
func (s *Service) AddSecurityGroup(ctx context.Context, id, group string) error {
	return s.changeGroups(ctx, ActionServerGroupsOfAdd, id, group, func(groups []string, g string) ([]string, bool) {
		if slices.Contains(groups, g) {
			return groups, false
		}
		return append(groups, g), true
	}, "")
}

// RemoveSecurityGroup takes a security group from all ports of a server.
func (s *Service) RemoveSecurityGroup(ctx context.Context, id, group string) error {
	return s.changeGroups(ctx, ActionServerGroupsOfRemove, id, group, func(groups []string, g string) ([]string, bool) {
		i := slices.Index(groups, g)
		if i < 0 {
			return groups, false
		}
		return slices.Delete(groups, i, i+1), true
	}, "Security group %s not associated with the instance %s")
}

// changeGroups changes the security groups of each of a server's ports. When
// none was changed and that is a mistake, none says so.
func (s *Service) changeGroups(ctx context.Context, rule policy.Action, id, group string, change func(groups []string, g string) ([]string, bool), none string) error {
	list, err := s.attachments(ctx, rule, id)
	if err != nil {
		return err
	}
	g, err := s.securityGroup(ctx, group)
	if err != nil {
		return err
	}
	changed := false
	for _, a := range list {
		groups, differs := change(slices.Clone(a.Port.Groups), g.ID)
		if !differs {
			continue
		}
		changed = true
		if _, err := s.Networks.UpdatePort(ctx, a.Port.ID, network.UpdatePort{Groups: &groups}); err != nil {
			return err
		}
	}
	if !changed && none != "" {
		return errs.NotFoundf(none, group, id)
	}
	return nil
}

// resolveGroups finds the security groups that a request names.
func (s *Service) resolveGroups(ctx context.Context, o *order) error {
	for _, name := range o.SecurityGroups {
		g, err := s.securityGroup(ctx, name)
		if err != nil {
			return badRequest(err)
		}
		if !slices.Contains(o.groups, g.ID) {
			o.groups = append(o.groups, g.ID)
		}
	}
	return nil
}

// securityGroup gives a security group of the caller's project by its name or id.
func (s *Service) securityGroup(ctx context.Context, nameOrID string) (*network.SecurityGroup, error) {
	project := auth.From(ctx).ProjectID()
	for _, field := range []string{"name", "id"} {
		list, _, err := s.Networks.ListSecurityGroups(ctx, store.Query{Filters: []store.Filter{
			{Field: field, Values: []string{nameOrID}}, {Field: "project_id", Values: []string{project}}}})
		if err != nil {
			return nil, err
		}
		switch len(list) {
		case 0:
		case 1:
			return &list[0], nil
		default:
			return nil, errs.Conflictf("Multiple security_groups matches found for name '%s', use an ID to be more specific.", nameOrID)
		}
	}
	return nil, errs.NotFoundf("Security group %s not found for project %s.", nameOrID, project)
}
