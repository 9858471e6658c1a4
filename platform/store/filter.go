package store

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"github.com/cumulite/cumulite/platform/errs"
)

// maxRegexp bounds what a caller may have compiled.
const maxRegexp = 255

// compared are the operators that SQL writes like this.
var compared = map[Op]string{Lt: "<", Lte: "<=", Gt: ">", Gte: ">="}

// where narrows q by f, with its values quoted by the dialect.
func (c Column) where(q *bun.SelectQuery, f Filter) (*bun.SelectQuery, error) {
	column := bun.Ident(c.Name)
	switch f.Op {
	case Eq, Neq:
		return c.whereAny(q, f)
	case Null:
		return c.whereNull(q, f)
	}
	if len(f.Values) != 1 {
		return nil, errs.Invalidf("Filter %q takes one value.", f.Field)
	}
	value, err := c.Kind.parse(f.Field, f.Values[0])
	if err != nil {
		return nil, err
	}
	if op, ok := compared[f.Op]; ok && c.Kind != Bool {
		return q.Where("?TableAlias.? ? ?", column, bun.Safe(op), value), nil
	}
	text, ok := value.(string)
	if !ok || f.Op > Regexp {
		return nil, errs.Invalidf("Filter %q cannot be compared in this way.", f.Field)
	}
	if f.Op == Regexp {
		return whereRegexp(q, column, f.Field, text)
	}
	return q.Where(`?TableAlias.? LIKE ? ESCAPE '\'`, column, pattern(f.Op, text)), nil
}

// whereAny serves Eq and its complement Neq.
func (c Column) whereAny(q *bun.SelectQuery, f Filter) (*bun.SelectQuery, error) {
	column, null := bun.Ident(c.Name), slices.Contains(f.Values, "")
	var values []any
	for _, text := range f.Values {
		if text == "" && c.Kind != Text {
			continue
		}
		value, err := c.Kind.parse(f.Field, text)
		if err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	if len(values) == 0 { // IN () is not SQL
		return whereNullOrNever(q, column, null, f.Op == Neq), nil
	}
	switch in := bun.List(values); {
	case f.Op == Eq && null:
		return q.Where("(?TableAlias.? IN (?) OR ?TableAlias.? IS NULL)", column, in, column), nil
	case f.Op == Eq:
		return q.Where("?TableAlias.? IN (?)", column, in), nil
	case null:
		return q.Where("?TableAlias.? NOT IN (?)", column, in), nil // NULL is in no list, and not outside of one
	default:
		return q.Where("(?TableAlias.? NOT IN (?) OR ?TableAlias.? IS NULL)", column, in, column), nil
	}
}

func whereNullOrNever(q *bun.SelectQuery, column bun.Ident, null, not bool) *bun.SelectQuery {
	switch {
	case null && not:
		return q.Where("?TableAlias.? IS NOT NULL", column)
	case null:
		return q.Where("?TableAlias.? IS NULL", column)
	case not:
		return q
	}
	return q.Where("1 = 0")
}

func (c Column) whereNull(q *bun.SelectQuery, f Filter) (*bun.SelectQuery, error) {
	null := true
	if len(f.Values) > 0 {
		value, err := Bool.parse(f.Field, f.Values[0])
		if err != nil {
			return nil, err
		}
		null = value.(bool)
	}
	return whereNullOrNever(q, bun.Ident(c.Name), true, !null), nil
}

func whereRegexp(q *bun.SelectQuery, column bun.Ident, field, expr string) (*bun.SelectQuery, error) {
	if len(expr) > maxRegexp {
		return nil, errs.Invalidf("The regular expression of filter %q is too long.", field)
	}
	if _, err := regexp.Compile(expr); err != nil {
		return nil, errs.Invalidf("Invalid regular expression %q for filter %q.", expr, field)
	}
	d, ok := q.Dialect().(Dialect)
	if !ok {
		return nil, errs.New(errs.NotSupported, "Filter %q cannot use a regular expression here.", field)
	}
	operator, pattern := d.Regexp(expr)
	return q.Where("?TableAlias.? ? ?", column, bun.Safe(operator), pattern), nil
}

var likeEscaper = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// pattern writes text for LIKE, in which only our own % are wildcards.
func pattern(op Op, text string) string {
	text = likeEscaper.Replace(text)
	if op != Prefix {
		text = "%" + text
	}
	if op != Suffix {
		text += "%"
	}
	return text
}

// parse reads a filter's value; its errors name the field.
func (k Kind) parse(field, text string) (any, error) {
	var value any
	var err error
	switch k {
	case Int:
		value, err = strconv.ParseInt(text, 10, 64)
	case Float:
		value, err = strconv.ParseFloat(text, 64)
	case Bool:
		value, err = parseBool(text)
	case Time:
		value, err = parseTime(text)
	default:
		value = text
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			err = strconv.ErrSyntax
		}
	}
	if err != nil {
		return nil, errs.Invalidf("Invalid value %q for %q.", text, field)
	}
	return value, nil
}

// parseBool takes the words that OpenStack's APIs take.
func parseBool(text string) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "1", "t", "true", "on", "y", "yes":
		return true, nil
	case "0", "f", "false", "off", "n", "no":
		return false, nil
	}
	return false, strconv.ErrSyntax
}

var timeLayouts = []string{
	time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05",
	"2006-01-02T15:04:05-0700", "2006-01-02T15:04", "2006-01-02",
}

func parseTime(text string) (t time.Time, err error) {
	for _, layout := range timeLayouts {
		if t, err = time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return t, err
}
