package compute

import (
	"context"
	"maps"
	"regexp"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/policy"
)

// specKey is what the name of an extra spec may be made of.
var specKey = regexp.MustCompile(`^[\w.: -]{1,255}$`)

// SetExtraSpecs adds extra specs to a flavor, or changes them.
func (s *Service) SetExtraSpecs(ctx context.Context, id string, specs map[string]string) (*Flavor, error) {
	return s.setExtraSpecs(ctx, ActionExtraSpecsCreate, id, specs)
}

// UpdateExtraSpec sets one extra spec of a flavor.
func (s *Service) UpdateExtraSpec(ctx context.Context, id, key, value string) error {
	_, err := s.setExtraSpecs(ctx, ActionExtraSpecsUpdate, id, map[string]string{key: value})
	return err
}

func (s *Service) setExtraSpecs(ctx context.Context, action policy.Action, id string, specs map[string]string) (*Flavor, error) {
	return s.changeFlavor(ctx, action, id, func(f *Flavor) (string, error) {
		for k, v := range specs {
			if !specKey.MatchString(k) || len(v) > 255 {
				return "", errs.Invalidf("Key Names can only contain alphanumeric characters, periods, dashes, underscores, colons and spaces, values at most 255 characters: %s", k)
			}
		}
		maps.Copy(f.ExtraSpecs, specs)
		return "extra_specs", nil
	})
}

// ListExtraSpecs gives the extra specs of a flavor by name.
func (s *Service) ListExtraSpecs(ctx context.Context, id string) (map[string]string, error) {
	return s.extraSpecs(ctx, ActionExtraSpecsList, id)
}

// GetExtraSpec gives one extra spec of a flavor.
func (s *Service) GetExtraSpec(ctx context.Context, id, key string) (string, error) {
	specs, err := s.extraSpecs(ctx, ActionExtraSpecsShow, id)
	if err != nil {
		return "", err
	}
	value, is := specs[key]
	if !is {
		return "", noExtraSpec(id, key)
	}
	return value, nil
}

func (s *Service) extraSpecs(ctx context.Context, action policy.Action, id string) (map[string]string, error) {
	if err := s.policy.Check(ctx, action, nil); err != nil {
		return nil, err
	}
	f, err := s.findFlavor(ctx, s.DB.Read(), id)
	if err != nil {
		return nil, err
	}
	return f.ExtraSpecs, nil
}

func noExtraSpec(id, key string) error {
	return errs.NotFoundf("Flavor %s has no extra specs with key %s.", id, key)
}

// DeleteExtraSpec removes one extra spec of a flavor.
func (s *Service) DeleteExtraSpec(ctx context.Context, id, key string) error {
	_, err := s.changeFlavor(ctx, ActionExtraSpecsDelete, id, func(f *Flavor) (string, error) {
		if _, ok := f.ExtraSpecs[key]; !ok {
			return "", noExtraSpec(id, key)
		}
		delete(f.ExtraSpecs, key)
		return "extra_specs", nil
	})
	return err
}
