package store

import "github.com/uptrace/bun"

// Listing says what may be filtered and sorted in the lists of one resource.
// It is declared once and does not change.
type Listing[T any] struct {
	Key      string            // column that is unique; default "id"
	Columns  map[string]Column // by the API's name
	Default  []Sort            // when a query names none; the key comes last in any case
	MaxLimit int               // rows of one page; default 1000
}

// Column is a field of a Listing.
type Column struct {
	// Name of the model's column. A field without one cannot be sorted by.
	// Deep pages by a falling column are quick when bun's tag says "notnull".
	Name string
	// Kind says how the values of filters are read.
	Kind Kind
	// Filter, when set, applies filters on this field instead: tags,
	// addresses in JSON. It refuses what it does not know with errs.Invalid.
	Filter func(q *bun.SelectQuery, f Filter) (*bun.SelectQuery, error)
}

// Kind is the type of a field's values.
type Kind uint8

// The kinds of fields.
const (
	Text Kind = iota
	Int
	Float
	Bool
	Time // RFC 3339 or one of ISO 8601's shorter forms; UTC without a zone
)

// Query is what a caller wants of a list. The zero Query is the first page.
type Query struct {
	Filters []Filter // all of them hold
	Sorts   []Sort
	Limit   int      // 0, or more than the Listing allows, is the Listing's limit
	Marker  string   // key of the row just before the page; "" for the first page, or the last one when Reverse
	Reverse bool     // the page that ends just before the marker
	Fields  []string // of the answer; carried for the API, not used here
}

// Filter compares a field with values.
type Filter struct {
	Field  string
	Op     Op
	Values []string
}

// Op is how a Filter compares. Text is compared by case.
type Op uint8

// The comparisons. Eq and Neq take several values, the others one. Neq, with
// its complement Eq, holds for every row; in both the value "" also means NULL.
const (
	Eq       Op = iota // equal to one of the values
	Neq                // equal to none of the values
	Lt                 // less
	Lte                // less or equal
	Gt                 // greater
	Gte                // greater or equal
	Contains           // text within
	Prefix             // text at the start
	Suffix             // text at the end
	Regexp             // matched somewhere by an RE2 expression
	Null               // NULL, or with the value "false" not NULL
)

// Sort is a field with a direction. NULL is less than any value.
type Sort struct {
	Field string
	Desc  bool
}

// Scope narrows a query to the rows that a caller may see.
type Scope = func(*bun.SelectQuery) *bun.SelectQuery
