package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/cumulite/cumulite/platform/yaml"
)

// Overrides are an operator's rules, read from a policy.yaml. One file may
// hold the rules of all services. It cannot be changed after it was read and
// may be given to many Enforcers.
type Overrides struct{ checks map[Action]string }

// ReadOverrides parses a policy.yaml: a mapping from actions to rules, each a
// string in the rule language or a list in its old form. A mistake is one
// sentence that names the action.
//
// An action that no service knows is not an error: it may be an alias of the
// operator's own, or another service's.
func ReadOverrides(data []byte) (*Overrides, error) {
	var rules map[string]any
	if err := yaml.Decode(data, &rules); err != nil {
		return nil, fmt.Errorf("the policy file cannot be read: %w", err)
	}
	o := &Overrides{checks: make(map[Action]string, len(rules))}
	for _, action := range slices.Sorted(maps.Keys(rules)) {
		source, err := readCheck(rules[action])
		if err != nil {
			return nil, fmt.Errorf("the policy file is wrong at %q: %w", action, err)
		}
		o.checks[Action(action)] = source
	}
	return o, nil
}

// Actions lists what the file overrides, sorted: to warn of those that no service knows.
func (o *Overrides) Actions() []Action {
	if o == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(o.checks))
}

// readCheck gives the rule as text that parses.
func readCheck(value any) (string, error) {
	switch v := value.(type) {
	case string:
		_, err := parse(v)
		return v, err
	case []any:
		c, err := parseList(v)
		if err != nil {
			return "", err
		}
		return c.String(), nil
	case nil:
		return "", errors.New(`the rule is missing: "" allows everyone, "!" nobody`)
	}
	return "", fmt.Errorf("%v is not a rule", value)
}
