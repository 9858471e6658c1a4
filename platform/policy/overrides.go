package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

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
		return readList(v)
	case nil:
		return "", errors.New(`the rule is missing: "" allows everyone, "!" nobody`)
	}
	return "", fmt.Errorf("%v is not a rule", value)
}

// readList reads the old form of a rule: a list of alternatives, each a check
// or a list of checks that must all hold. An empty alternative counts for
// nothing; a list of nothing else allows nobody, and an empty list everyone.
func readList(list []any) (string, error) {
	if len(list) == 0 {
		return "", nil
	}
	var alternatives []string
	for _, item := range list {
		checks, ok := item.([]any)
		if !ok {
			checks = []any{item}
		}
		words, err := readWords(checks)
		if err != nil {
			return "", err
		}
		if len(words) > 0 {
			alternatives = append(alternatives, strings.Join(words, " and "))
		}
	}
	if len(alternatives) == 0 {
		return "!", nil
	}
	return strings.Join(alternatives, " or "), nil
}

func readWords(checks []any) ([]string, error) {
	words := make([]string, len(checks))
	for i, c := range checks {
		s, ok := c.(string)
		if tokens := tokenize(s); !ok || len(tokens) != 1 || tokens[0] != s {
			return nil, fmt.Errorf("%v is not one check", c)
		}
		if _, err := parseCheck(s); err != nil {
			return nil, err
		}
		words[i] = s
	}
	return words, nil
}
