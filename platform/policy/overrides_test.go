package policy_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/policy"
)

var defaults = []policy.Rule{
	{Action: "show", Check: "rule:owner", Scopes: []policy.Scope{policy.ScopeProject}, Doc: "Show one."},
	{Action: "owner", Check: "project_id:%(project_id)s"},
	{Action: "create", Check: "role:member"},
}

func read(t *testing.T, yaml string) *policy.Overrides {
	t.Helper()
	o, err := policy.ReadOverrides([]byte(yaml))
	require.NoError(t, err)
	return o
}

func TestOverridesReplaceChecksAndKeepScopes(t *testing.T) {
	o := read(t, "# mine\nowner: 'user_id:%(user_id)s'\ncreate: '!'\nother_service:show: 'rule:not_here'\n")
	e, err := policy.New(defaults, o)
	require.NoError(t, err, "what other services' rules refer to is not asked")
	require.True(t, e.Allows(member(), "show", policy.Target{"user_id": "u1"}), "an alias changes those that use it")
	require.False(t, e.Allows(member(), "show", policy.Target{"project_id": "p1"}))
	require.False(t, e.Allows(member(), "create", nil))
	require.Equal(t, []policy.Rule{
		{Action: "create", Check: "!"},
		{Action: "owner", Check: "user_id:%(user_id)s"},
		{Action: "show", Check: "rule:owner", Scopes: []policy.Scope{policy.ScopeProject}, Doc: "Show one."},
	}, e.Rules())
	require.Equal(t, []policy.Action{"create", "other_service:show", "owner"}, o.Actions())

	plain, err := policy.New(defaults, nil)
	require.NoError(t, err)
	require.True(t, plain.Allows(member(), "create", nil), "defaults are not touched")
}

func TestOverridesMayBringAliasesOfTheirOwn(t *testing.T) {
	e, err := policy.New(defaults, read(t, "create: rule:trusted\ntrusted: role:reader\n"))
	require.NoError(t, err)
	require.True(t, e.Allows(as(claims("reader")), "create", nil))
	require.False(t, e.Allows(as(claims("member")), "create", nil))
	require.Len(t, e.Rules(), len(defaults))
	require.Error(t, e.Check(as(claims("reader")), "trusted", nil), "an alias is not an action")

	_, err = policy.New(defaults, read(t, "create: rule:trusted\ntrusted: rule:create\n"))
	require.EqualError(t, err, `rule "create" refers to itself: [create trusted create]`)
	_, err = policy.New(defaults, read(t, "create: rule:mistyped\n"))
	require.EqualError(t, err, `rule "create": there is no rule "mistyped"`)
}

func TestOldListForm(t *testing.T) {
	for yaml, want := range map[string]string{
		"create: []":             "",
		"create: [[]]":           "!",
		`create: ["role:admin"]`: "role:admin",
		`create: [["role:admin"], ["rule:owner", "role:%(r)s"]]`:        "role:admin or rule:owner and role:%(r)s",
		`create: [[], "@", ["!", "True:%(x)s"]]`:                        "@ or ! and True:%(x)s",
		"create:\n- - role:admin\n- - role:member\n  - project_id:p1\n": "role:admin or role:member and project_id:p1",
	} {
		e, err := policy.New(defaults, read(t, yaml))
		require.NoError(t, err, yaml)
		require.Equal(t, want, e.Rules()[0].Check, yaml)
	}
}

func TestReadOverridesSaysWhichRuleIsWrong(t *testing.T) {
	for yaml, says := range map[string]string{
		"create: role:a and":           `wrong at "create": a check is missing at the end`,
		"create: http://example.org":   `wrong at "create": "http://example.org" is refused`,
		"create:":                      `wrong at "create": the rule is missing`,
		"create: 5":                    `wrong at "create": 5 is not a rule`,
		"create: {a: b}":               `wrong at "create"`,
		"create: [5]":                  `wrong at "create": 5 is not one check`,
		"create: [[[role:a]]]":         `wrong at "create": [role:a] is not one check`,
		"create: ['role:a or role:b']": `wrong at "create": role:a or role:b is not one check`,
		"create: ['(role:a)']":         `wrong at "create": (role:a) is not one check`,
		"create: ['']":                 `wrong at "create":  is not one check`,
		"create: ['and']":              `wrong at "create": "and" is not a check`,
		"create: !":                    "cannot be read: line 1: tags are not taken",
		"create: '@'\ncreate: '!'":     `cannot be read: line 2: mapping key "create" already defined`,
		"[create]":                     "cannot be read: line 1",
		"create: @":                    "cannot be read: line 1",
	} {
		_, err := policy.ReadOverrides([]byte(yaml))
		require.ErrorContains(t, err, says, yaml)
	}
}

func TestEmptyOverridesChangeNothing(t *testing.T) {
	e, err := policy.New(defaults, read(t, "# nothing yet\n"))
	require.NoError(t, err)
	plain, err := policy.New(defaults, nil)
	require.NoError(t, err)
	require.Equal(t, plain.Rules(), e.Rules())
}
