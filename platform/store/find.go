package store

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"

	"github.com/cumulite/cumulite/platform/errs"
)

const (
	defaultKey   = "id"
	defaultLimit = 1000
)

// Find gives one page, and whether there are more rows beyond it. Unknown
// fields, bad values and a marker that scope does not show are errs.Invalid.
// It makes one query, with a marker two. A nil scope shows all rows.
func (l *Listing[T]) Find(ctx context.Context, db bun.IDB, q Query, scope Scope) (rows []T, more bool, err error) {
	order, err := l.order(db, q)
	if err != nil {
		return nil, false, err
	}
	sel, err := l.filtered(db.NewSelect().Model(&rows), q.Filters, scope)
	if err != nil {
		return nil, false, err
	}
	if q.Marker != "" {
		beyond, err := l.beyondMarker(ctx, db, order, q.Marker, scope)
		if err != nil {
			return nil, false, err
		}
		sel = sel.Where("?", beyond)
	}
	for _, t := range order {
		sel = sel.OrderExpr("?", t.orderBy())
	}
	limit := l.limit(q.Limit)
	if err := sel.Limit(int64(limit) + 1).Scan(ctx); err != nil {
		return nil, false, err
	}
	if more = len(rows) > limit; more {
		rows = rows[:limit]
	}
	if q.Reverse {
		slices.Reverse(rows)
	}
	return rows, more, nil
}

func (l *Listing[T]) limit(wanted int) int {
	limit := cmp.Or(l.MaxLimit, defaultLimit)
	if wanted > 0 {
		limit = min(limit, wanted)
	}
	return limit
}

func (l *Listing[T]) filtered(sel *bun.SelectQuery, filters []Filter, scope Scope) (*bun.SelectQuery, error) {
	if scope != nil {
		sel = sel.WhereGroup(" AND ", scope) // an OR in it stays inside
	}
	for _, f := range filters {
		c, ok := l.Columns[f.Field]
		if !ok || strings.ContainsRune(strings.Join(f.Values, ""), 0) {
			return nil, errs.Invalidf("Unknown filter %q, or a NUL in its value.", f.Field)
		}
		apply := c.where
		if c.Filter != nil {
			apply = c.Filter
		}
		var err error
		sel = sel.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
			narrowed, failed := apply(q, f)
			if err = failed; failed != nil {
				return q
			}
			return narrowed
		})
		if err != nil {
			return nil, err
		}
	}
	return sel, nil
}

// order gives the sort terms of a query: made total by the key, which goes
// the way of the first, and turned around for a page before the marker.
func (l *Listing[T]) order(db bun.IDB, q Query) ([]term, error) {
	tab, key := table[T](db), cmp.Or(l.Key, defaultKey)
	var order []term
	add := func(column string, desc bool) error {
		field, err := tab.Field(column)
		if err != nil {
			return err
		}
		same := func(t term) bool { return t.field == field }
		if !slices.ContainsFunc(order, same) {
			order = append(order, term{alias: tab.SQLAlias, field: field, desc: desc != q.Reverse})
		}
		return nil
	}
	sorts := q.Sorts
	if len(sorts) == 0 {
		sorts = l.Default
	}
	for _, s := range sorts {
		c := l.Columns[s.Field]
		if c.Name == "" {
			return nil, errs.Invalidf("Cannot sort by %q.", s.Field)
		}
		if err := add(c.Name, s.Desc); err != nil {
			return nil, err
		}
	}
	return order, add(key, len(sorts) > 0 && sorts[0].Desc)
}

// beyondMarker gives the condition that a row comes after the marker's.
func (l *Listing[T]) beyondMarker(ctx context.Context, db bun.IDB, order []term, marker string, scope Scope) (bun.Safe, error) {
	row := new(T)
	sel := db.NewSelect().Model(row).Where("?TableAlias.? = ?", bun.Ident(cmp.Or(l.Key, defaultKey)), marker)
	if scope != nil {
		sel = sel.WhereGroup(" AND ", scope)
	}
	switch err := sel.Limit(1).Scan(ctx); {
	case IsNone(err):
		return "", errs.Invalidf("The marker %q could not be found.", marker)
	case err != nil:
		return "", err
	}
	gen, value := schema.NewQueryGen(db.Dialect()), reflect.ValueOf(row).Elem()
	return bun.Safe(order[0].bound(gen, value) + beyond(gen, order, value)), nil
}

// term is a column to sort by. NULL counts as less than any value, on every engine.
type term struct {
	alias schema.Safe
	field *schema.Field
	desc  bool
}

func (t term) column() string { return string(t.alias) + "." + string(t.field.SQLName) }

func (t term) orderBy() bun.Safe {
	if t.desc {
		return bun.Safe(t.column() + " DESC NULLS LAST")
	}
	return bun.Safe(t.column() + " ASC NULLS FIRST")
}

// beyond writes the condition that a row comes after the given one: it is
// beyond it in the first term, or equal there and beyond it in the others.
func beyond(gen schema.QueryGen, order []term, row reflect.Value) string {
	t := order[0]
	column, value := t.column(), string(t.field.AppendValue(gen, nil, row))
	after, equal := t.after(column, value), column+" = "+value
	if value == "NULL" {
		equal = column + " IS NULL"
	}
	if len(order) == 1 {
		return after
	}
	return fmt.Sprintf("(%s OR (%s AND %s))", after, equal, beyond(gen, order[1:], row))
}

// bound writes, where it follows from beyond, a range of the first term, by
// which the engine finds the page in an index instead of reading up to it.
func (t term) bound(gen schema.QueryGen, row reflect.Value) string {
	column, value := t.column(), string(t.field.AppendValue(gen, nil, row))
	switch {
	case value == "NULL", t.desc && !t.field.NotNull:
		return ""
	case t.desc:
		return column + " <= " + value + " AND "
	}
	return column + " >= " + value + " AND "
}

func (t term) after(column, value string) string {
	switch {
	case t.desc && value == "NULL":
		return "1 = 0"
	case t.desc:
		return fmt.Sprintf("(%s < %s OR %s IS NULL)", column, value, column)
	case value == "NULL":
		return column + " IS NOT NULL"
	}
	return column + " > " + value
}
