// Package policy decides who may do what. Its rules are written in the
// language of oslo.policy, so that an operator's policy.yaml means here what
// it means there; who is asking is the auth.Grant in the context.
//
//	enforcer, err := policy.New([]policy.Rule{
//		{Action: "admin_or_owner", Check: "role:admin or project_id:%(project_id)s"},
//		{Action: "os_compute_api:servers:show", Check: "rule:admin_or_owner", Scopes: []policy.Scope{policy.ScopeProject}},
//	}, overrides)
//	err = enforcer.Check(ctx, "os_compute_api:servers:show", policy.Target{"project_id": server.ProjectID})
//
// A rule is made of checks joined by "and", "or", "not" and parentheses:
//
//	@  !  and the empty rule       everyone; nobody; everyone
//	role:NAME                      a role of the caller, in letters of either case
//	rule:NAME                      another rule
//	ATTRIBUTE:VALUE                an attribute of the caller: user_id, project_id, domain_id,
//	                               system_scope, is_admin, token.project.domain.id, …
//	ATTRIBUTE:None                 the caller lacks the attribute
//	LITERAL:VALUE                  'text', None, True, False or a decimal number
//	field:KIND:NAME=VALUE          an attribute of the target (the network service's own check);
//	                               =~PATTERN is a regular expression from the beginning
//
// In VALUE and in a role's name %(NAME)s stands for an attribute of the target
// and %% for a percent sign. A check of an attribute that the target or the
// caller lacks is false, never an error. http: and https: checks are refused.
//
// Where the original denies in silence, as at a syntax error, an unknown rule
// or an unknown attribute of the caller, New returns an error.
package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/errs"
)

// Action names what a caller wants to do, in the original's words:
// "os_compute_api:servers:create", "identity:create_user", "create_network", "add_image".
type Action string

// Scope is what a caller's token is for.
type Scope string

// The scopes that a rule can ask for.
const (
	ScopeProject Scope = "project" // also that of a token for nothing in particular
	ScopeDomain  Scope = "domain"
	ScopeSystem  Scope = "system"
)

// Rule is one action's default. A Rule whose Action has no route may be an
// alias that others use as rule:NAME ("admin_or_owner").
type Rule struct {
	Action Action
	Check  string  // in the rule language
	Scopes []Scope // those that may do it; none means all
	Doc    string  // for the operator, one sentence
}

// Target holds the attributes of what is acted upon, by the names that rules
// use: "project_id", "user_id", "network:project_id", "target.user.domain_id".
// Strings, booleans, numbers, nil and pointers to them compare as Python
// prints them: True, None, 1.0.
type Target map[string]any

// Enforcer holds a service's compiled rules. It may be used by many at once.
type Enforcer struct{ rules map[Action]*enforced }

type enforced struct {
	*linked
	rule Rule // with the check in force
}

// New compiles rules, each as overrides has it or else by its default; nil
// overrides change nothing. A syntax error, an unknown rule:NAME or attribute,
// rules that refer to each other in a circle and an action that stands twice
// are errors that name the rule.
func New(rules []Rule, overrides *Overrides) (*Enforcer, error) {
	l := &linker{sources: make(map[Action]string), done: make(map[Action]*linked)}
	for _, r := range rules {
		if _, ok := l.sources[r.Action]; ok {
			return nil, fmt.Errorf("rule %q stands twice", r.Action)
		}
		l.sources[r.Action] = r.Check
	}
	for _, action := range overrides.Actions() {
		l.sources[action] = overrides.checks[action]
	}
	e := &Enforcer{rules: make(map[Action]*enforced, len(rules))}
	for _, r := range rules {
		compiled, err := l.rule(r.Action)
		if err != nil {
			return nil, err
		}
		r.Check, r.Scopes = l.sources[r.Action], slices.Clone(r.Scopes)
		e.rules[r.Action] = &enforced{compiled, r}
	}
	return e, nil
}

// Check returns nil when the grant in ctx may do action on target, else an
// errs.Forbidden error in the original's words. An action without a rule is a
// fault of the program, errs.Internal, and not allowed either.
func (e *Enforcer) Check(ctx context.Context, action Action, target Target) error {
	r, ok := e.rules[action]
	if !ok {
		return errs.New(errs.Internal, "action %q has no policy rule", action)
	}
	if !r.allows(auth.From(ctx), target) {
		return errs.Forbiddenf("Policy doesn't allow %s to be performed.", action)
	}
	return nil
}

// Allows is Check as a bool, for filtering fields.
func (e *Enforcer) Allows(ctx context.Context, action Action, target Target) bool {
	return e.Check(ctx, action, target) == nil
}

// Rules lists the rules in force, sorted by action: for the documentation and
// for the test that walks the routes.
func (e *Enforcer) Rules() []Rule {
	rules := make([]Rule, 0, len(e.rules))
	for _, r := range e.rules {
		rule := r.rule
		rule.Scopes = slices.Clone(rule.Scopes)
		rules = append(rules, rule)
	}
	slices.SortFunc(rules, func(a, b Rule) int { return strings.Compare(string(a.Action), string(b.Action)) })
	return rules
}

// allows decides. Nobody may do what everyone may, and has no scope; a service
// may speak for nobody, so scopes are not asked of it.
func (r *enforced) allows(g auth.Grant, t Target) bool {
	anyScope := len(r.rule.Scopes) == 0
	if g.IsZero() {
		return r.open && anyScope
	}
	inScope := anyScope || g.Service() != "" || slices.Contains(r.rule.Scopes, scopeOf(g))
	return inScope && r.check.allows(g, t)
}

func scopeOf(g auth.Grant) Scope {
	switch {
	case g.System():
		return ScopeSystem
	case g.DomainID() != "":
		return ScopeDomain
	}
	return ScopeProject
}
