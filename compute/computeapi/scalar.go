package computeapi

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Nova takes numbers and booleans as text too. These types read both and
// write the plain form.

// integer is a whole number, or text that is one.
type integer int64

// JSONSchema says what is taken.
func (integer) JSONSchema() map[string]any {
	return map[string]any{"type": []any{"integer", "string"}, "pattern": "^-?[0-9]+$", "maxLength": json.Number("19"),
		"minimum": json.Number("-1"), "maximum": json.Number("9223372036854775807")}
}

// UnmarshalJSON reads a number or text.
func (n *integer) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseInt(strings.Trim(string(b), `"`), 10, 64)
	if err == nil && v < -1 {
		err = fmt.Errorf("%d is less than -1", v)
	}
	*n = integer(v)
	return err
}

// decimal is a number, or text that is one.
type decimal float64

// JSONSchema says what is taken.
func (decimal) JSONSchema() map[string]any {
	return map[string]any{"type": []any{"number", "string"}, "pattern": `^[0-9]+(\.[0-9]+)?$`, "maxLength": json.Number("64")}
}

// UnmarshalJSON reads a number or text.
func (n *decimal) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseFloat(strings.Trim(string(b), `"`), 64)
	*n = decimal(v)
	return err
}

// boolean is true or false, or one of the words for them.
type boolean bool

var truths = map[string]boolean{"true": true, "t": true, "1": true, "on": true, "yes": true, "y": true,
	"false": false, "f": false, "0": false, "off": false, "no": false, "n": false}

// JSONSchema says what is taken.
func (boolean) JSONSchema() map[string]any {
	return map[string]any{"type": []any{"boolean", "string"}, "enum": []any{true, "True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes", "yes",
		false, "False", "FALSE", "false", "0", "OFF", "Off", "off", "NO", "No", "no"}}
}

// UnmarshalJSON reads a boolean or a word.
func (v *boolean) UnmarshalJSON(b []byte) (err error) {
	*v, err = truth(strings.Trim(string(b), `"`))
	return err
}

func truth(word string) (boolean, error) {
	v, is := truths[strings.ToLower(word)]
	if !is {
		return false, fmt.Errorf("%q is neither true nor false", word)
	}
	return v, nil
}

// scalar is text, or a number that is kept as it was written.
type scalar string

// JSONSchema says what is taken.
func (scalar) JSONSchema() map[string]any { return map[string]any{"type": []any{"string", "number"}} }

// UnmarshalJSON reads text or a number; null is "".
func (s *scalar) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	if b[0] == '"' {
		return json.Unmarshal(b, (*string)(s))
	}
	*s = scalar(b)
	return nil
}

// name is text that can be printed, and neither begins nor ends with space.
type name string

// JSONSchema says what is taken.
func (name) JSONSchema() map[string]any {
	return map[string]any{"type": "string", "minLength": 1, "maxLength": 255,
		"pattern": `^[\p{L}\p{M}\p{N}\p{P}\p{S}]([\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}]*[\p{L}\p{M}\p{N}\p{P}\p{S}])?$`}
}

// printable is text that can be printed, in one line.
type printable string

// JSONSchema says what is taken.
func (printable) JSONSchema() map[string]any {
	return map[string]any{"type": "string", "pattern": `^[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}]*$`}
}

// deref gives what p points to, the zero value for nil.
func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// ref gives nil for what is empty, which the API shows as null.
func ref(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
