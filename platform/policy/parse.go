package policy

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// maxNesting bounds parentheses and chains of "not".
const maxNesting = 100

// parse reads an expression of the rule language. The empty string allows everyone.
func parse(source string) (check, error) {
	if source == "" {
		return always(true), nil
	}
	p := &parser{tokens: tokenize(source)}
	c, err := p.or()
	if err != nil {
		return nil, err
	}
	if left := p.next(); left != "" {
		return nil, unexpected(left)
	}
	return c, nil
}

// tokenize splits at white space and takes parentheses off both ends of each
// word: inside a word they belong to %(name)s.
func tokenize(source string) []string {
	var tokens []string
	for _, word := range strings.Fields(source) {
		for strings.HasPrefix(word, "(") {
			tokens, word = append(tokens, "("), word[1:]
		}
		bare := strings.TrimRight(word, ")")
		if bare != "" {
			tokens = append(tokens, bare)
		}
		for range len(word) - len(bare) {
			tokens = append(tokens, ")")
		}
	}
	return tokens
}

// parser goes down the tokens: "or" binds weakest, then "and", then "not".
type parser struct {
	tokens []string
	depth  int
}

func (p *parser) or() (check, error) {
	parts, err := p.chain("or", p.and)
	if err != nil || len(parts) > 1 {
		return anyOf(parts), err
	}
	return parts[0], nil
}

func (p *parser) and() (check, error) {
	parts, err := p.chain("and", p.unary)
	if err != nil || len(parts) > 1 {
		return allOf(parts), err
	}
	return parts[0], nil
}

func (p *parser) chain(operator string, operand func() (check, error)) ([]check, error) {
	var parts []check
	for {
		c, err := operand()
		if err != nil {
			return nil, err
		}
		parts = append(parts, c)
		if !strings.EqualFold(p.next(), operator) {
			return parts, nil
		}
		p.tokens = p.tokens[1:]
	}
}

func (p *parser) unary() (check, error) {
	if p.depth++; p.depth > maxNesting {
		return nil, fmt.Errorf("it is nested more than %d levels deep", maxNesting)
	}
	defer func() { p.depth-- }()
	token := p.next()
	if token == "" {
		return nil, errors.New("a check is missing at the end")
	}
	p.tokens = p.tokens[1:]
	switch strings.ToLower(token) {
	case "(":
		return p.group()
	case "not":
		c, err := p.unary()
		return &not{c}, err
	case ")", "and", "or":
		return nil, unexpected(token)
	}
	return parseCheck(token)
}

func (p *parser) group() (check, error) {
	c, err := p.or()
	if err != nil {
		return nil, err
	}
	switch token := p.next(); token {
	case ")":
		p.tokens = p.tokens[1:]
		return c, nil
	case "":
		return nil, errors.New("a closing parenthesis is missing at the end")
	default:
		return nil, unexpected(token)
	}
}

// next gives the token that comes next, "" at the end.
func (p *parser) next() string {
	if len(p.tokens) == 0 {
		return ""
	}
	return p.tokens[0]
}

func unexpected(token string) error { return fmt.Errorf("%q is not expected where it stands", token) }

// parseCheck reads one check: "@", "!" or KIND:MATCH.
func parseCheck(source string) (check, error) {
	if source == "@" || source == "!" {
		return always(source == "@"), nil
	}
	kind, match, ok := strings.Cut(source, ":")
	if !ok {
		return nil, fmt.Errorf("%q is not a check: it has no colon", source)
	}
	switch kind {
	case "rule":
		return parseReference(match)
	case "field":
		return parseField(match)
	case "http", "https":
		return nil, fmt.Errorf("%q is refused: no request is made to decide a rule", source)
	}
	value, err := parseTemplate(match)
	if err != nil {
		return nil, fmt.Errorf("in %q %w", source, err)
	}
	if kind == "role" {
		return &role{value}, nil
	}
	return parseComparison(kind, value)
}

func parseReference(name string) (check, error) {
	if name == "" || strings.ContainsAny(name, `()'"`) {
		return nil, fmt.Errorf("%q does not name a rule", "rule:"+name)
	}
	return &reference{name: Action(name)}, nil
}

// parseComparison reads the left side of a comparison: a literal or the name
// of an attribute of the caller.
func parseComparison(kind string, value template) (check, error) {
	constant, ok, err := parseLiteral(kind)
	if err != nil {
		return nil, err
	}
	if ok {
		return &literal{source: kind, text: constant, value: value}, nil
	}
	if kind == "" || strings.ContainsFunc(kind, notInName) {
		return nil, fmt.Errorf("%q is neither an attribute nor a literal", kind)
	}
	return &attribute{name: kind, holds: credentials[kind], value: value}, nil
}

func notInName(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '.' || r == '-')
}

// parseLiteral reads None, True, False, a number or a quoted string; ok is
// false for anything else.
func parseLiteral(s string) (text string, ok bool, err error) {
	switch {
	case s == "":
		return "", false, nil
	case s == "None" || s == "True" || s == "False":
		return s, true, nil
	case s[0] == '\'' || s[0] == '"':
		return parseQuoted(s)
	case strings.ContainsRune("0123456789-+.", rune(s[0])):
		return parseNumber(s)
	}
	return "", false, nil
}

func parseQuoted(s string) (string, bool, error) {
	quote := s[:1]
	text, closed := strings.CutSuffix(s[1:], quote)
	if !closed || strings.ContainsAny(text, quote+`\`) {
		return "", false, fmt.Errorf("%s is not a quoted string: white space, colons, quotation marks and backslashes cannot stand in it", s)
	}
	return text, true, nil
}

func parseNumber(s string) (string, bool, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return strconv.FormatInt(n, 10), true, nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || strings.ContainsAny(s, "xXpP_nN") {
		return "", false, fmt.Errorf("%q is not a number", s)
	}
	return floatText(f), true, nil
}

// parseField reads KIND:NAME=VALUE or KIND:NAME=~PATTERN.
func parseField(source string) (check, error) {
	kind, rest, ok := strings.Cut(source, ":")
	name, value, valued := strings.Cut(rest, "=")
	if !ok || !valued || kind == "" || name == "" {
		return nil, fmt.Errorf("%q does not have the form field:KIND:NAME=VALUE", "field:"+source)
	}
	c := &field{source: source, name: name, value: value}
	pattern, ok := strings.CutPrefix(value, "~")
	if !ok {
		return c, nil
	}
	re, err := regexp.Compile("^(?:" + pattern + ")")
	if err != nil {
		return nil, fmt.Errorf("in %q the pattern is wrong: %w", "field:"+source, err)
	}
	c.pattern = re
	return c, nil
}

// parseList reads the old form of a rule: a list of alternatives, each a check
// or a list of checks that must all hold. An empty list allows everyone.
func parseList(list []any) (check, error) {
	if len(list) == 0 {
		return always(true), nil
	}
	var alternatives []check
	for _, item := range list {
		c, err := parseAlternative(item)
		if err != nil {
			return nil, err
		}
		if c != nil {
			alternatives = append(alternatives, c)
		}
	}
	switch len(alternatives) {
	case 0:
		return always(false), nil
	case 1:
		return alternatives[0], nil
	}
	return anyOf(alternatives), nil
}

// parseAlternative gives nil for an empty inner list, which counts for nothing.
func parseAlternative(item any) (check, error) {
	checks, ok := item.([]any)
	if !ok {
		checks = []any{item}
	}
	var all []check
	for _, source := range checks {
		c, err := parseListed(source)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	switch len(all) {
	case 0:
		return nil, nil
	case 1:
		return all[0], nil
	}
	return allOf(all), nil
}

func parseListed(source any) (check, error) {
	s, ok := source.(string)
	if !ok {
		return nil, fmt.Errorf("%v is not a check", source)
	}
	if tokens := tokenize(s); len(tokens) != 1 || tokens[0] != s {
		return nil, fmt.Errorf("%q is not one check", s)
	}
	return parseCheck(s)
}
