package wire

import (
	"encoding/json"
	"reflect"
)

// Optional is a field of a PATCH or PUT body that may be left out, null or a
// value. As null it is taken only when its tag says api:"nullable".
type Optional[T any] struct {
	Set   bool // the field was there
	Null  bool // and was null
	Value T
}

// Ptr gives a pointer to the value, nil when it is not set or null.
func (o Optional[T]) Ptr() *T {
	if !o.Set || o.Null {
		return nil
	}
	return &o.Value
}

// Or gives the value, or def when it is not set or null.
func (o Optional[T]) Or(def T) T {
	if !o.Set || o.Null {
		return def
	}
	return o.Value
}

// IsZero reports whether the field was left out, for omitzero.
func (o Optional[T]) IsZero() bool { return !o.Set }

// MarshalJSON writes the value, null when it is not set or null.
func (o Optional[T]) MarshalJSON() ([]byte, error) {
	if !o.Set || o.Null {
		return []byte("null"), nil
	}
	return json.Marshal(o.Value)
}

// UnmarshalJSON reads a value or null.
func (o *Optional[T]) UnmarshalJSON(b []byte) error {
	o.Set, o.Null = true, string(b) == "null"
	if o.Null {
		return nil
	}
	return json.Unmarshal(b, &o.Value)
}

// optional is what the schema and the decoder ask of an Optional.
type optional interface{ elem() reflect.Type }

func (o Optional[T]) elem() reflect.Type { return reflect.TypeFor[T]() }
