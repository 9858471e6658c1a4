package policy

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// template is the right side of a check: text in which %(name)s stands for an
// attribute of the target and %% for a percent sign.
type template struct {
	source string
	parts  []part
}

// part is either text or the name of an attribute.
type part struct{ text, name string }

func parseTemplate(source string) (template, error) {
	t := template{source: source}
	for rest := source; rest != ""; {
		text, after, found := strings.Cut(rest, "%")
		if strings.ContainsAny(text, `()'"`) {
			return t, fmt.Errorf("%q holds a parenthesis or a quotation mark", source)
		}
		if text != "" {
			t.parts = append(t.parts, part{text: text})
		}
		if !found {
			break
		}
		p, left, ok := parseVerb(after)
		if !ok {
			return t, fmt.Errorf("%q has a percent sign that does not begin %%(name)s", source)
		}
		t.parts, rest = append(t.parts, p), left
	}
	if len(t.parts) == 0 {
		return t, fmt.Errorf("nothing stands after the colon")
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

// expand puts the target's attributes in; false when the target lacks one.
func (t template) expand(target Target) (string, bool) {
	if len(t.parts) == 1 {
		return t.parts[0].expand(target)
	}
	var b strings.Builder
	for _, p := range t.parts {
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
	switch v := v.(type) {
	case string:
		return v
	case fmt.Stringer:
		return stringer(v)
	}
	return textOf(reflect.ValueOf(v))
}

func stringer(v fmt.Stringer) string {
	if r := reflect.ValueOf(v); r.Kind() == reflect.Pointer && r.IsNil() {
		return "None"
	}
	return v.String()
}

func textOf(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Invalid:
		return "None"
	case reflect.Pointer:
		if v.IsNil() {
			return "None"
		}
		return text(v.Elem().Interface())
	case reflect.String:
		return v.String()
	case reflect.Bool:
		return boolText(v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return strconv.FormatUint(v.Uint(), 10)
	case reflect.Float32, reflect.Float64:
		return floatText(v.Float())
	}
	return fmt.Sprint(v.Interface())
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
