package policy

import (
	"fmt"
	"slices"
	"strings"
)

// linked is a rule whose references are resolved.
type linked struct {
	check check
	open  bool // allows everyone, even nobody: made of "@" and the empty rule only
}

// linker compiles rules by name, each once and only those that are asked for.
type linker struct {
	sources map[Action]string
	done    map[Action]*linked
	path    []Action // the rules being compiled, each refers to the next
}

func (l *linker) rule(name Action) (*linked, error) {
	if r, ok := l.done[name]; ok {
		return r, nil
	}
	if i := slices.Index(l.path, name); i >= 0 {
		return nil, fmt.Errorf("rule %q refers to itself: %s", name, trail(append(l.path[i:], name)))
	}
	c, err := parse(l.sources[name])
	if err != nil {
		return nil, fmt.Errorf("rule %q: %w", name, err)
	}
	l.path = append(l.path, name)
	defer func() { l.path = l.path[:len(l.path)-1] }()
	open, err := l.link(c)
	if err != nil {
		return nil, err
	}
	r := &linked{check: c, open: open}
	l.done[name] = r
	return r, nil
}

// link resolves the references in c, and reports whether c allows everyone.
func (l *linker) link(c check) (open bool, err error) {
	switch c := c.(type) {
	case always:
		return bool(c), nil
	case *not:
		_, err := l.link(c.check)
		return false, err
	case allOf:
		open, err := l.parts(c)
		return open == len(c), err
	case anyOf:
		open, err := l.parts(c)
		return open > 0, err
	case *reference:
		return l.refer(c)
	case *attribute:
		if c.holds == nil {
			return false, fmt.Errorf("rule %q: %q is no attribute of a caller", l.current(), c.name)
		}
	}
	return false, nil
}

// parts links all of checks and counts those that are open.
func (l *linker) parts(checks []check) (open int, err error) {
	for _, c := range checks {
		isOpen, err := l.link(c)
		if err != nil {
			return 0, err
		}
		if isOpen {
			open++
		}
	}
	return open, nil
}

func (l *linker) refer(c *reference) (open bool, err error) {
	if _, ok := l.sources[c.name]; !ok {
		return false, fmt.Errorf("rule %q: there is no rule %q", l.current(), c.name)
	}
	if c.to, err = l.rule(c.name); err != nil {
		return false, err
	}
	return c.to.open, nil
}

func (l *linker) current() Action { return l.path[len(l.path)-1] }

func trail(names []Action) string {
	parts := make([]string, len(names))
	for i, n := range names {
		parts[i] = string(n)
	}
	return strings.Join(parts, " → ")
}
