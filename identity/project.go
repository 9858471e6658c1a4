package identity

import (
	"context"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/store"
)

// maxDepth is how deep projects nest (max_project_tree_depth).
const maxDepth = 5

// Project owns resources of all services. It is also its row.
type Project struct {
	bun.BaseModel `bun:"table:identity_projects,alias:project" json:"-"`
	ID            string         `bun:"id,pk" json:"id"`
	Version       int64          `bun:"version,notnull" json:"-"`
	Name          string         `bun:"name,notnull" json:"name"`
	DomainID      string         `bun:"domain_id,notnull" json:"domain_id"`
	ParentID      string         `bun:"parent_id,notnull" json:"parent_id"` // a project, or the domain at the top
	Description   string         `bun:"description,notnull" json:"description"`
	Enabled       bool           `bun:"enabled,notnull" json:"enabled"`
	Extra         map[string]any `bun:"extra,notnull" json:"-"` // what else the API was told
	Options       Settings       `bun:"options,notnull" json:"-"`
	Tags          []string       `bun:"tags,notnull" json:"tags"`
	TokensSince   time.Time      `bun:"tokens_since,notnull" json:"-"` // as a User's, for tokens scoped to it
}

var projects = resource[Project]{
	noun: "project",
	target: func(p *Project) policy.Target {
		return policy.Target{"target.project.id": p.ID, "target.project.domain_id": p.DomainID}
	},
	clash:   func(p *Project) string { return "name " + p.Name + " at domain ID " + p.DomainID },
	enabled: func(p *Project) bool { return p.Enabled },
	listing: store.Listing[Project]{MaxLimit: maxList, Default: []store.Sort{{Field: "name"}}, Columns: map[string]store.Column{
		"id": {Name: "id"}, "name": {Name: "name"}, "domain_id": {Name: "domain_id"}, "parent_id": {Name: "parent_id"},
		"enabled": {Name: "enabled", Kind: store.Bool},
		"tags":    byTags(false, false), "tags-any": byTags(true, false), "not-tags": byTags(false, true), "not-tags-any": byTags(true, true)}},
}

// CreateProject is what a user may say of a new project.
type CreateProject struct {
	ID          string // "" has one made
	Name        string
	DomainID    string // "" is the parent's domain
	ParentID    string // "" is the domain
	Description string
	Disabled    bool
	Extra       map[string]any
	Tags        []string
	Options     map[string]*bool
}

// UpdateProject is what may be changed; nil fields stay.
type UpdateProject struct {
	Name, Description *string
	Enabled           *bool
	Extra             map[string]any // set beside what is there; nil values are taken away
	Tags              *[]string
	Options           map[string]*bool // nil values are taken away
}

// CreateProject makes a project.
func (s *Service) CreateProject(ctx context.Context, in CreateProject) (*Project, error) {
	options, err := Settings(nil).with(in.Options, Immutable)
	if err != nil {
		return nil, err
	}
	p := &Project{ID: in.ID, Name: in.Name, DomainID: in.DomainID, ParentID: in.ParentID, Description: in.Description,
		Enabled: !in.Disabled, Extra: merge(nil, in.Extra), Options: options}
	if p.ID == "" {
		p.ID = newID()
	}
	if p.ParentID == "" {
		p.ParentID = p.DomainID
	}
	if p.DomainID == "" && p.ParentID != "" {
		if parent, err := store.Get[Project](ctx, s.DB.Read(), p.ParentID); err == nil {
			p.DomainID = parent.DomainID
		} else if store.IsNone(err) {
			p.DomainID = p.ParentID
		} else {
			return nil, err
		}
	}
	if p.Tags, err = cleanTags(in.Tags); err != nil {
		return nil, err
	}
	return p, projects.create(ctx, s, ActionCreateProject, p.ID, p, func(ctx context.Context, tx *store.Tx) error { return placed(ctx, tx, p) })
}

// placed checks that a project's domain and parent are there and enabled.
func placed(ctx context.Context, tx *store.Tx, p *Project) error {
	if _, err := domains.need(ctx, tx, p.DomainID); err != nil {
		return err
	}
	if p.ParentID == p.DomainID {
		return nil
	}
	line, err := ancestors(ctx, tx, p)
	if err != nil {
		return err
	}
	switch {
	case len(line) == 0:
		return missing("project", p.ParentID)
	case line[0].DomainID != p.DomainID:
		return errs.Invalidf("Cannot create project, since it specifies its domain_id %s, but specifies a parent in a different domain (%s).", p.DomainID, line[0].DomainID)
	case !line[0].Enabled:
		return errs.Invalidf("Cannot create project in a branch containing a disabled project: %s", line[0].ID)
	case len(line)+1 >= maxDepth:
		return errs.Forbiddenf("You are not authorized to perform the requested action: Max hierarchy depth reached for %s branch..", p.ParentID)
	}
	return nil
}

// ancestors gives the projects above p, the nearest first.
func ancestors(ctx context.Context, db bun.IDB, p *Project) (line []*Project, err error) {
	for id := p.ParentID; id != p.DomainID && len(line) < maxDepth; {
		above, err := store.Get[Project](ctx, db, id)
		if store.IsNone(err) {
			return line, nil
		}
		if err != nil {
			return nil, err
		}
		line, id = append(line, above), above.ParentID
	}
	return line, nil
}

// GetProject gives a project.
func (s *Service) GetProject(ctx context.Context, id string) (*Project, error) {
	return projects.get(ctx, s, s.DB.Read(), ActionGetProject, id)
}

// ListProjects gives the projects; to a caller scoped to a domain those in it.
func (s *Service) ListProjects(ctx context.Context, q store.Query) ([]Project, bool, error) {
	return projects.list(ctx, s, ActionListProjects, q, inDomain(ctx, "domain_id"))
}

// UpdateProject changes a project. One with enabled projects below stays
// enabled; disabling ends the tokens for it.
func (s *Service) UpdateProject(ctx context.Context, id string, in UpdateProject) (*Project, error) {
	return projects.update(ctx, s, ActionUpdateProject, id, func(ctx context.Context, tx *store.Tx, p *Project) (err error) {
		if p.Options, err = p.Options.change("project", id, in.Options); err != nil {
			return err
		}
		if in.Enabled != nil && !*in.Enabled {
			below, err := tx.NewSelect().Model((*Project)(nil)).Where("parent_id = ? AND enabled", id).Exists(ctx)
			if err != nil || below {
				return orError(err, errs.Forbiddenf("You are not authorized to perform the requested action: Cannot disable project %s since its subtree contains enabled projects..", id))
			}
		}
		set(&p.Name, in.Name)
		set(&p.Description, in.Description)
		set(&p.Enabled, in.Enabled)
		p.Extra = merge(p.Extra, in.Extra)
		if in.Tags != nil {
			if p.Tags, err = cleanTags(*in.Tags); err != nil {
				return err
			}
		}
		if !p.Enabled {
			p.TokensSince = s.endTokens()
		}
		return nil
	}, "name", "description", "enabled", "extra", "options", "tags", "tokens_since")
}

// DeleteProject removes a project that has none below. The other services
// learn of it by the event identity.project.deleted.
func (s *Service) DeleteProject(ctx context.Context, id string) error {
	return projects.remove(ctx, s, ActionDeleteProject, id, func(ctx context.Context, tx *store.Tx, p *Project) error {
		if err := p.Options.deletable("project", id); err != nil {
			return err
		}
		below, err := tx.NewSelect().Model((*Project)(nil)).Where("parent_id = ?", id).Exists(ctx)
		if err != nil || below {
			return orError(err, errs.Forbiddenf("You are not authorized to perform the requested action: Cannot delete the project %s since it is not a leaf in the hierarchy. Use the cascade option if you want to delete a whole subtree..", id))
		}
		return s.leaveProject(ctx, tx, id)
	})
}

// leaveProject takes away what refers to a project.
func (s *Service) leaveProject(ctx context.Context, tx *store.Tx, id string) error {
	if _, err := tx.Exec(ctx, "UPDATE identity_users SET default_project_id = '' WHERE default_project_id = ?", id); err != nil {
		return err
	}
	return dropAssignments(ctx, tx, "target_type = 'project' AND target_id = ?", id)
}

// dropProject removes a project and tells of it.
func (s *Service) dropProject(ctx context.Context, tx *store.Tx, p *Project) error {
	if err := s.leaveProject(ctx, tx, p.ID); err != nil {
		return err
	}
	if err := store.Delete[Project](ctx, tx, p.ID); err != nil {
		return err
	}
	return s.changed(ctx, tx, projects.event("deleted"), p.ID, p)
}

func unique(tags []string) []string {
	tags = append([]string{}, tags...)
	slices.Sort(tags)
	return slices.Compact(tags)
}

// orError gives err, or what it means that there was none.
func orError(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}
