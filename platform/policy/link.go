package policy

import (
	"fmt"
	"slices"
)

// linked is a rule whose references are resolved.
type linked struct {
	check check
	open  bool // it is "@" or the empty rule, or refers to one: even nobody passes
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
		return nil, fmt.Errorf("rule %q refers to itself: %v", name, append(l.path[i:], name))
	}
	c, err := parse(l.sources[name])
	if err != nil {
		return nil, fmt.Errorf("rule %q: %w", name, err)
	}
	l.path = append(l.path, name)
	defer func() { l.path = l.path[:len(l.path)-1] }()
	if err := l.link(c); err != nil {
		return nil, err
	}
	r := &linked{check: c, open: open(c)}
	l.done[name] = r
	return r, nil
}

// link resolves the references in checks.
func (l *linker) link(checks ...check) (err error) {
	for _, c := range checks {
		switch c := c.(type) {
		case *not:
			err = l.link(c.check)
		case allOf:
			err = l.link(c...)
		case anyOf:
			err = l.link(c...)
		case *reference:
			err = l.refer(c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *linker) refer(c *reference) (err error) {
	if _, ok := l.sources[c.name]; !ok {
		return fmt.Errorf("rule %q: there is no rule %q", l.path[len(l.path)-1], c.name)
	}
	c.to, err = l.rule(c.name)
	return err
}

func open(c check) bool {
	switch c := c.(type) {
	case always:
		return bool(c)
	case *reference:
		return c.to.open
	}
	return false
}
