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
	return p.chain("or", p.and, func(parts []check) check { return anyOf(parts) })
}

func (p *parser) and() (check, error) {
	return p.chain("and", p.unary, func(parts []check) check { return allOf(parts) })
}

func (p *parser) chain(operator string, operand func() (check, error), join func([]check) check) (check, error) {
	var parts []check
	for {
		c, err := operand()
		if err != nil {
			return nil, err
		}
		parts = append(parts, c)
		if !strings.EqualFold(p.next(), operator) {
			break
		}
		p.tokens = p.tokens[1:]
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	return join(parts), nil
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
func parseCheck(s string) (check, error) {
	if s == "@" || s == "!" {
		return always(s == "@"), nil
	}
	kind, match, ok := strings.Cut(s, ":")
	if !ok {
		return nil, fmt.Errorf("%q is not a check: it has no colon", s)
	}
	switch kind {
	case "rule":
		return &reference{name: Action(match)}, nil
	case "field":
		return parseField(match)
	case "http", "https":
		return nil, fmt.Errorf("%q is refused: no request is made to decide a rule", s)
	}
	value, err := parseTemplate(match)
	if err != nil {
		return nil, fmt.Errorf("in %q %w", s, err)
	}
	if kind == "role" {
		return &role{value}, nil
	}
	return parseComparison(kind, value)
}

// parseComparison reads kind, the left side of a comparison: the name of an
// attribute of the caller, or a literal.
func parseComparison(kind string, value template) (check, error) {
	holds, ok := credentials[kind]
	if ok && value.is("None") {
		return &lacking{holds}, nil
	}
	if ok {
		return &attribute{holds, value}, nil
	}
	constant, err := parseLiteral(kind)
	return &literal{constant, value}, err
}

// parseLiteral reads None, True, False, a number or a quoted string.
func parseLiteral(s string) (string, error) {
	switch {
	case s == "None" || s == "True" || s == "False":
		return s, nil
	case strings.HasPrefix(s, "'") || strings.HasPrefix(s, `"`):
		return parseQuoted(s)
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return strconv.FormatInt(n, 10), nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || strings.Trim(s, "+-.0123456789eE") != "" {
		return "", fmt.Errorf("%q is neither an attribute of a caller nor a literal", s)
	}
	return floatText(f), nil
}

func parseQuoted(s string) (string, error) {
	text, closed := strings.CutSuffix(s[1:], s[:1])
	if !closed || strings.ContainsAny(text, s[:1]+`\`) {
		return "", fmt.Errorf("%s is not a quoted string: it cannot hold white space, colons, quotation marks of its kind and backslashes", s)
	}
	return text, nil
}

// parseField reads KIND:NAME=VALUE or KIND:NAME=~PATTERN.
func parseField(s string) (check, error) {
	kind, rest, ok := strings.Cut(s, ":")
	name, value, valued := strings.Cut(rest, "=")
	if !ok || !valued || kind == "" || name == "" {
		return nil, fmt.Errorf("%q does not have the form field:KIND:NAME=VALUE", "field:"+s)
	}
	c := &field{name: name, value: value}
	if pattern, ok := strings.CutPrefix(value, "~"); ok {
		var err error
		if c.pattern, err = regexp.Compile("^(?:" + pattern + ")"); err != nil {
			return nil, fmt.Errorf("in %q the pattern is wrong: %w", "field:"+s, err)
		}
	}
	return c, nil
}
