package identity

import (
	"context"

	"github.com/uptrace/bun"
)

// ProjectParents gives the projects above one, the nearest first.
func (s *Service) ProjectParents(ctx context.Context, id string) ([]Project, error) {
	p, err := s.GetProject(ctx, id)
	if err != nil {
		return nil, err
	}
	line, err := ancestors(ctx, s.DB.Read(), p)
	out := make([]Project, len(line))
	for i, above := range line {
		out[i] = *above
	}
	return out, err
}

// ProjectSubtree gives the projects below one, sorted by name.
func (s *Service) ProjectSubtree(ctx context.Context, id string) ([]Project, error) {
	if _, err := s.GetProject(ctx, id); err != nil {
		return nil, err
	}
	t, err := s.tree(ctx)
	if err != nil {
		return nil, err
	}
	out := []Project{}
	err = s.DB.Read().NewSelect().Model(&out).Where("id IN (?)", bun.List(t.subtree(id, []string{}))).Order("name", "id").Scan(ctx)
	return out, err
}
