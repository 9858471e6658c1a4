package identity

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/store"
)

// What may be done with the tags of projects.
const (
	ActionListProjectTags   policy.Action = "identity:list_project_tags"
	ActionGetProjectTag     policy.Action = "identity:get_project_tag"
	ActionUpdateProjectTags policy.Action = "identity:update_project_tags"
	ActionCreateProjectTag  policy.Action = "identity:create_project_tag"
	ActionDeleteProjectTags policy.Action = "identity:delete_project_tags"
	ActionDeleteProjectTag  policy.Action = "identity:delete_project_tag"
)

// maxTags is how many tags a project may have.
const maxTags = 80

func tagPolicies() []policy.Rule {
	return append(same(seesProject, "For those who see the project.", ActionListProjectTags, ActionGetProjectTag),
		same(managesProject, "For administrators and the managers of the domain.",
			ActionUpdateProjectTags, ActionCreateProjectTag, ActionDeleteProjectTags, ActionDeleteProjectTag)...)
}

var tagForm = regexp.MustCompile(`^[^,/]{1,255}$`)

// cleanTags gives tags sorted, or says what is wrong with them.
func cleanTags(tags []string) ([]string, error) {
	for _, t := range tags {
		if !tagForm.MatchString(t) {
			return nil, errs.Invalidf("Invalid input for field 'tags': '%.255s' does not match '^[^,/]{1,255}$'", t)
		}
	}
	clean := unique(tags)
	switch {
	case len(clean) < len(tags):
		return nil, errs.Invalidf("Invalid input for field 'tags': the list has non-unique elements")
	case len(clean) > maxTags:
		return nil, errs.Invalidf("Invalid input for field 'tags': a project has at most %d tags", maxTags)
	}
	return clean, nil
}

// ProjectTags gives the tags of a project, sorted.
func (s *Service) ProjectTags(ctx context.Context, id string) ([]string, error) {
	return s.tagsFor(ctx, ActionListProjectTags, id)
}

// CheckProjectTag tells by errs.NotFound that the project does not have the tag.
func (s *Service) CheckProjectTag(ctx context.Context, id, tag string) error {
	tags, err := s.tagsFor(ctx, ActionGetProjectTag, id)
	if err == nil && !slices.Contains(tags, tag) {
		err = missing("project tag", tag)
	}
	return err
}

func (s *Service) tagsFor(ctx context.Context, action policy.Action, id string) ([]string, error) {
	p, err := projects.get(ctx, s, s.DB.Read(), action, id)
	if err != nil {
		return nil, err
	}
	return p.Tags, nil
}

// SetProjectTags gives a project these tags instead of those it has.
func (s *Service) SetProjectTags(ctx context.Context, id string, tags []string) ([]string, error) {
	return s.changeTags(ctx, ActionUpdateProjectTags, id, func([]string) ([]string, error) { return tags, nil })
}

// ClearProjectTags takes all tags from a project.
func (s *Service) ClearProjectTags(ctx context.Context, id string) error {
	_, err := s.changeTags(ctx, ActionDeleteProjectTags, id, func([]string) ([]string, error) { return nil, nil })
	return err
}

// AddProjectTag gives a project a tag; it may have it already.
func (s *Service) AddProjectTag(ctx context.Context, id, tag string) error {
	_, err := s.changeTags(ctx, ActionCreateProjectTag, id, func(have []string) ([]string, error) {
		if slices.Contains(have, tag) {
			return have, nil
		}
		return append(have, tag), nil
	})
	return err
}

// RemoveProjectTag takes a tag from a project: errs.NotFound when it does not have it.
func (s *Service) RemoveProjectTag(ctx context.Context, id, tag string) error {
	_, err := s.changeTags(ctx, ActionDeleteProjectTag, id, func(have []string) ([]string, error) {
		if !slices.Contains(have, tag) {
			return nil, missing("project tag", tag)
		}
		return slices.DeleteFunc(have, func(t string) bool { return t == tag }), nil
	})
	return err
}

func (s *Service) changeTags(ctx context.Context, action policy.Action, id string, fn func(have []string) ([]string, error)) ([]string, error) {
	p, err := projects.update(ctx, s, action, id, func(_ context.Context, _ *store.Tx, p *Project) (err error) {
		if p.Options, err = p.Options.change("project", id, nil); err != nil {
			return err
		}
		if p.Tags, err = fn(p.Tags); err != nil {
			return err
		}
		p.Tags, err = cleanTags(p.Tags)
		return err
	}, "tags")
	if err != nil {
		return nil, err
	}
	return p.Tags, nil
}

// byTags filters projects by tags: all of the list or, with anyOf, one of it;
// negated those that have not all, or none.
func byTags(anyOf, negated bool) store.Column {
	return store.Column{Filter: func(q *bun.SelectQuery, f store.Filter) (*bun.SelectQuery, error) {
		if f.Op != store.Eq {
			return nil, errs.Invalidf("Tags can only be compared for equality.")
		}
		joint, not := " AND ", ""
		if anyOf {
			joint = " OR "
		}
		if negated {
			not = "NOT "
		}
		var each []string
		var args []any
		for t := range strings.SplitSeq(strings.Join(f.Values, ","), ",") {
			each = append(each, `(?TableAlias.tags LIKE ? ESCAPE '\' OR ?TableAlias.tags LIKE ? ESCAPE '\')`)
			args = append(args, "["+likeTag(t)+"%", "%,"+likeTag(t)+"%") // no tag has a comma in it
		}
		return q.Where(not+"("+strings.Join(each, joint)+")", args...), nil
	}}
}

// likeTag writes a tag as it stands in the column's JSON, for LIKE.
func likeTag(tag string) string {
	quoted, _ := json.Marshal(tag) // a string always has an encoding
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(string(quoted))
}
