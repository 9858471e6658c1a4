package policy

import (
	"regexp"

	"github.com/cumulite/cumulite/platform/auth"
)

// check is a compiled expression.
type check interface {
	allows(g auth.Grant, t Target) bool
}

// always is "@" or "!".
type always bool

func (c always) allows(auth.Grant, Target) bool { return bool(c) }

type not struct{ check check }

func (c *not) allows(g auth.Grant, t Target) bool { return !c.check.allows(g, t) }

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

// reference is rule:NAME; the linker fills in what it refers to.
type reference struct {
	name Action
	to   *linked
}

func (c *reference) allows(g auth.Grant, t Target) bool { return c.to.check.allows(g, t) }

// role is role:NAME; names are compared without case.
type role struct {
	name template
}

func (c *role) allows(g auth.Grant, t Target) bool {
	name, ok := c.name.expand(t)
	return ok && g.HasRoleFold(name)
}

// attribute compares what is known of the caller: user_id:%(user_id)s.
type attribute struct {
	holds credential
	value template
}

func (c *attribute) allows(g auth.Grant, t Target) bool {
	value, ok := c.value.expand(t)
	return ok && value != "" && c.holds(g, value)
}

// lacking tells that the caller has no such attribute: domain_id:None.
type lacking struct {
	holds credential
}

func (c *lacking) allows(g auth.Grant, _ Target) bool { return c.holds(g, "") }

// literal compares a constant: 'public':%(visibility)s, None:%(owner)s.
type literal struct {
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
