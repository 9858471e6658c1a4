package policy_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/policy"
)

func claims(roles ...string) auth.Claims {
	c := auth.Claims{
		User: auth.Ref{ID: "u1"}, UserDomain: auth.Ref{ID: "ud"},
		Project: auth.Ref{ID: "p1"}, Domain: auth.Ref{ID: "pd"},
	}
	for _, r := range roles {
		c.Roles = append(c.Roles, auth.Ref{Name: r})
	}
	return c
}

func as(c auth.Claims) context.Context {
	return auth.With(context.Background(), auth.Authenticated(c))
}

func member() context.Context { return as(claims("member", "reader")) }

// decide compiles check as the rule "x" and asks it.
func decide(t *testing.T, ctx context.Context, check string, target policy.Target) bool {
	t.Helper()
	e, err := policy.New([]policy.Rule{
		{Action: "x", Check: check},
		{Action: "anyone", Check: "@"},
		{Action: "owner", Check: "project_id:%(project_id)s"},
	}, nil)
	require.NoError(t, err, check)
	return e.Allows(ctx, "x", target)
}

type named string

func TestChecksDecideForAMemberOfAProject(t *testing.T) {
	word, none := "w", (*string)(nil)
	target := policy.Target{
		"project_id": "p1", "user_id": "u2", "target.user.id": "u1", "network:project_id": "p1",
		"none": nil, "yes": true, "no": false, "n": 42, "big": uint64(1) << 63, "f": 1.0, "tiny": 1e-5, "huge": 1e16,
		"named": named("w"), "word": &word, "nilword": none, "role": "MEMBER", "owner": "network:dhcp", "empty": "",
	}
	for check, want := range map[string]bool{
		"": true, "@": true, "!": false, "not !": true, "not not @": true,

		"role:member": true, "role:MeMber": true, "role:admin": false, "role:%(role)s": true,
		"role:%(absent)s": false, "not role:%(absent)s": true, "role:service": false,

		"rule:anyone": true, "rule:owner": true, "not rule:owner": false,

		"project_id:%(project_id)s": true, "tenant_id:%(network:project_id)s": true, "user_id:%(user_id)s": false,
		"user_id:%(target.user.id)s": true, "user_id:u1": true, "user_id:%(absent)s": false,
		"user_id:%(none)s": false, "domain_id:%(none)s": false, "domain_id:%(empty)s": false, "domain_id:None": true, "not domain_id:None": false, "project_id:None": false, "roles:None": false,
		"user_domain_id:ud": true, "project_domain_id:pd": true, "domain_id:pd": false, "system_scope:all": false,
		"is_admin:True": false, "is_admin:False": true, "is_admin_project:True": true, "roles:reader": true, "roles:Reader": false,
		"service_roles:service": false, "service_user_id:compute": false,
		"token.user.id:u1": true, "token.user.domain.id:ud": true, "token.project.id:p1": true,
		"token.project.domain.id:pd": true, "token.domain.id:pd": false, "token.is_admin_project:True": true,

		"'w':%(named)s": true, `"w":%(word)s`: true, "'v':%(word)s": false, "'':%(empty)s": true, "'w':%(absent)s": false,
		"None:%(none)s": true, "None:%(nilword)s": true, "None:%(absent)s": false, "None:%(word)s": false,
		"True:%(yes)s": true, "True:%(no)s": false, "False:%(no)s": true, "True:True": true,
		"42:%(n)s": true, "+42:%(n)s": true, "-42:%(n)s": false, "42.0:%(n)s": false, "1:%(f)s": false, "1.0:%(f)s": true,
		"9223372036854775808:%(big)s": false, "0.00001:%(tiny)s": true, "1e16:%(huge)s": true,
		"'p1/42%':%(project_id)s/%(n)s%%": true, "'p1/':%(project_id)s/%(absent)s": false,

		"field:networks:yes=True": true, "field:networks:no=True": false, "field:networks:absent=True": false,
		"field:networks:none=None": false, "field:networks:network:project_id=p1": true,
		"field:port:owner=~^network:": true, "field:port:owner=~dhcp": false, "field:port:owner=network:dhcp": true,
	} {
		require.Equal(t, want, decide(t, member(), check, target), "%q", check)
	}
}

func TestPrecedenceAndParentheses(t *testing.T) {
	for check, want := range map[string]bool{
		"@ or @ and !":                true,
		"(@ or @) and !":              false,
		"! and @ or @":                true,
		"! and (@ or @)":              false,
		"not @ or @":                  true,
		"not (@ or @)":                false,
		"not ! and !":                 false,
		"not (! and !)":               true,
		"! or not ! and @":            true,
		"@ AND ( NOT ! ) Or !":        true,
		"((@)) and\n\t((not (!)))":    true,
		"! or ! or @ and @ and not !": true,
	} {
		require.Equal(t, want, decide(t, member(), check, nil), "%q", check)
	}
}

func TestSyntaxErrorsNameTheRuleAndTheMistake(t *testing.T) {
	for check, says := range map[string]string{
		"  ":                         "missing at the end",
		"role:a and":                 "missing at the end",
		"and role:a":                 `"and" is not expected`,
		"role:a role:b":              `"role:b" is not expected`,
		"role:a not role:b":          `"not" is not expected`,
		"(role:a":                    "closing parenthesis",
		"(role:a role:b)":            `"role:b" is not expected`,
		"role:a)":                    `")" is not expected`,
		"()":                         `")" is not expected`,
		"not":                        "missing at the end",
		"admin":                      "no colon",
		"role:":                      "nothing stands after the colon",
		"(role:a)and(role:b)":        "holds a parenthesis",
		"role:'a'":                   "quotation mark",
		"role:100%":                  "percent sign",
		"role:%(a":                   "percent sign",
		"role:%()s":                  "percent sign",
		"role:%(a)d":                 "percent sign",
		"role:%a)s":                  "percent sign",
		"tenent_id:%(project_id)s":   `"tenent_id" is neither`,
		":x":                         `"" is neither`,
		"0x10:%(a)s":                 `"0x10" is neither`,
		"nan:%(a)s":                  `"nan" is neither`,
		"'a:%(a)s":                   "not a quoted string",
		`'a'b':%(a)s`:                "not a quoted string",
		`':%(a)s`:                    "not a quoted string",
		"http://example.org/%(a)s":   "no request is made",
		"@ or https://example.org/x": "no request is made",
		"field:networks":             "does not have the form",
		"field:networks:shared":      "does not have the form",
		"field:networks:a=~[":        "the pattern is wrong",
		"rule:unknown":               `there is no rule "unknown"`,
		strings.Repeat("(", 101) + "@" + strings.Repeat(")", 101): "nested",
		strings.Repeat("not ", 101) + "@":                         "nested",
	} {
		_, err := policy.New([]policy.Rule{{Action: "fine", Check: "@"}, {Action: "os:broken", Check: check}}, nil)
		require.ErrorContains(t, err, says, "%q", check)
		require.ErrorContains(t, err, `rule "os:broken"`, "%q", check)
	}
}

func TestDeepButBoundedExpressionsCompile(t *testing.T) {
	require.True(t, decide(t, member(), strings.Repeat("(", 99)+"@"+strings.Repeat(")", 99), nil))
	require.True(t, decide(t, member(), strings.Repeat("@ and ", 5000)+"@", nil), "length is not depth")
}
