package policy

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// template is the right side of a check: text in which %(name)s stands for an
// attribute of the target and %% for a percent sign.
type template []part

// part is either text or the name of an attribute.
type part struct{ text, name string }

func parseTemplate(s string) (template, error) {
	var t template
	for rest := s; rest != ""; {
		before, after, found := strings.Cut(rest, "%")
		if strings.ContainsAny(before, `()'"`) {
			return nil, fmt.Errorf("%q holds a parenthesis or a quotation mark", s)
		}
		if before != "" {
			t = append(t, part{text: before})
		}
		if !found {
			break
		}
		p, left, ok := parseVerb(after)
		if !ok {
			return nil, fmt.Errorf("%q has a percent sign that does not begin %%(name)s", s)
		}
		t, rest = append(t, p), left
	}
	if len(t) == 0 {
		return nil, errors.New("nothing stands after the colon")
	}
	return t, nil
}

// parseVerb reads what follows a percent sign.
func parseVerb(s string) (p part, rest string, ok bool) {
	if rest, ok = strings.CutPrefix(s, "%"); ok {
		return part{text: "%"}, rest, true
	}
	name, rest, ok := strings.Cut(s, ")s")
	name, opened := strings.CutPrefix(name, "(")
	ok = ok && opened && name != "" && !strings.ContainsAny(name, "()")
	return part{name: name}, rest, ok
}

// is tells whether the template is just this text.
func (t template) is(text string) bool { return len(t) == 1 && t[0] == part{text: text} }

// expand puts the target's attributes in; false when the target lacks one.
func (t template) expand(target Target) (string, bool) {
	if len(t) == 1 {
		return t[0].expand(target)
	}
	var b strings.Builder
	for _, p := range t {
		s, ok := p.expand(target)
		if !ok {
			return "", false
		}
		b.WriteString(s)
	}
	return b.String(), true
}

func (p part) expand(target Target) (string, bool) {
	if p.name == "" {
		return p.text, true
	}
	v, ok := target[p.name]
	if !ok {
		return "", false
	}
	return text(v), true
}

// text writes a value as the rule language compares it, which is as Python
// prints it: None, True, 1.0.
func text(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	r := reflect.ValueOf(v)
	if v == nil || r.Kind() == reflect.Pointer && r.IsNil() {
		return "None"
	}
	if s, ok := v.(fmt.Stringer); ok {
		return s.String()
	}
	switch r.Kind() {
	case reflect.Pointer:
		return text(r.Elem().Interface())
	case reflect.String:
		return r.String()
	case reflect.Bool:
		return boolText(r.Bool())
	case reflect.Float32, reflect.Float64:
		return floatText(r.Float())
	}
	return fmt.Sprint(v)
}

func boolText(b bool) string {
	if b {
		return "True"
	}
	return "False"
}

func floatText(f float64) string {
	abs := max(f, -f)
	if abs != 0 && (abs < 1e-4 || abs >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}
