// Package policy decides who may do what: the rule language of oslo.policy
// over auth.Grant.
package policy

import (
	"context"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
)

// Action names what a caller wants to do, in the original's words:
// "os_compute_api:servers:create", "identity:create_user", "create_network", "add_image".
type Action string

// Scope is what a token is for.
type Scope string

// The scopes that a rule can ask for.
const (
	ScopeProject Scope = "project"
	ScopeDomain  Scope = "domain"
	ScopeSystem  Scope = "system"
)

// Rule is one action's default. A Rule whose Action has no route may be an
// alias that others use as rule:NAME ("admin_or_owner").
type Rule struct {
	Action Action
	Check  string
	Scopes []Scope
	Doc    string
}

// Target holds the attributes of what is acted upon, by the names that rules
// use: "project_id", "user_id", "network:project_id", "target.user.domain_id".
type Target map[string]any

// Overrides are an operator's rules, read from a policy.yaml.
type Overrides struct{}

// Enforcer holds a service's compiled rules.
type Enforcer struct{ rules []Rule }

// New compiles rules. An unknown rule:NAME, a cycle or a syntax error is an
// error that names the rule.
func New(rules []Rule, overrides *Overrides) (*Enforcer, error) {
	return &Enforcer{rules}, nil
}

// ReadOverrides parses a policy.yaml (action: rule).
func ReadOverrides(yaml []byte) (*Overrides, error) { return &Overrides{}, nil }

// Check returns nil when the grant in ctx may do action on target, else an
// errs.Forbidden error.
func (e *Enforcer) Check(ctx context.Context, action Action, target Target) error {
	if auth.From(ctx).HasRole("admin") {
		return nil
	}
	return errs.New(errs.Forbidden, "Policy doesn't allow %s to be performed.", action)
}

// Allows is Check as a bool, for filtering fields.
func (e *Enforcer) Allows(ctx context.Context, action Action, target Target) bool {
	return e.Check(ctx, action, target) == nil
}

// Rules lists the actions, sorted, with their rules in force.
func (e *Enforcer) Rules() []Rule { return e.rules }
