package policy

import (
	"regexp"
	"strings"

	"github.com/cumulite/cumulite/platform/auth"
)

// check is a compiled expression. Its String parses to a check that decides
// the same.
type check interface {
	allows(g auth.Grant, t Target) bool
	String() string
}

// always is "@" or "!".
type always bool

func (c always) allows(auth.Grant, Target) bool { return bool(c) }

func (c always) String() string {
	if c {
		return "@"
	}
	return "!"
}

type not struct{ check check }

func (c *not) allows(g auth.Grant, t Target) bool { return !c.check.allows(g, t) }

func (c *not) String() string {
	switch c.check.(type) {
	case allOf, anyOf:
		return "not (" + c.check.String() + ")"
	}
	return "not " + c.check.String()
}

// allOf is "a and b"; it has two parts or more.
type allOf []check

func (c allOf) allows(g auth.Grant, t Target) bool {
	for _, part := range c {
		if !part.allows(g, t) {
			return false
		}
	}
	return true
}

func (c allOf) String() string { return join(c, " and ") }

// anyOf is "a or b"; it has two parts or more.
type anyOf []check

func (c anyOf) allows(g auth.Grant, t Target) bool {
	for _, part := range c {
		if part.allows(g, t) {
			return true
		}
	}
	return false
}

func (c anyOf) String() string { return join(c, " or ") }

// join prints parts with the parentheses that "or" needs inside anything else.
func join(parts []check, operator string) string {
	words := make([]string, len(parts))
	for i, part := range parts {
		words[i] = part.String()
		if _, ok := part.(anyOf); ok {
			words[i] = "(" + words[i] + ")"
		}
	}
	return strings.Join(words, operator)
}

// source is a check as it was written, which is how it prints.
type source string

func (s source) String() string { return string(s) }

// reference is rule:NAME; the linker fills in what it refers to.
type reference struct {
	source
	name Action
	to   *linked
}

func (c *reference) allows(g auth.Grant, t Target) bool { return c.to.check.allows(g, t) }

// role is role:NAME; names are compared without case.
type role struct {
	source
	name template
}

func (c *role) allows(g auth.Grant, t Target) bool {
	name, ok := c.name.expand(t)
	return ok && g.HasRoleFold(name)
}

// attribute compares what is known of the caller: user_id:%(user_id)s.
type attribute struct {
	source
	holds credential
	value template
}

func (c *attribute) allows(g auth.Grant, t Target) bool {
	value, ok := c.value.expand(t)
	return ok && value != "" && c.holds(g, value)
}

// lacking tells that the caller has no such attribute: domain_id:None.
type lacking struct {
	source
	holds credential
}

func (c *lacking) allows(g auth.Grant, _ Target) bool { return c.holds(g, "") }

// literal compares a constant: 'public':%(visibility)s, None:%(owner)s.
type literal struct {
	source
	constant string
	value    template
}

func (c *literal) allows(_ auth.Grant, t Target) bool {
	value, ok := c.value.expand(t)
	return ok && value == c.constant
}

// field is the network service's own check of the target, which names the kind
// of resource for the reader's sake: field:networks:shared=True,
// field:port:device_owner=~^network:.
type field struct {
	source
	name    string
	value   string
	pattern *regexp.Regexp // instead of value; matches at the beginning
}

func (c *field) allows(_ auth.Grant, t Target) bool {
	v, ok := t[c.name]
	if !ok || v == nil {
		return false
	}
	if c.pattern != nil {
		return c.pattern.MatchString(text(v))
	}
	return text(v) == c.value
}
