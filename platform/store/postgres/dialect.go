package postgres

import (
	"bytes"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/uptrace/bun/dialect/pgdialect"
)

// dialect is bun's, with times in UTC and JSON that is kept as it is.
type dialect struct {
	*pgdialect.Dialect
	bound sync.Map // statements with "?" to statements with "$1"
}

func newDialect() *dialect { return &dialect{Dialect: pgdialect.New()} }

func (*dialect) AppendTime(b []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(b, "'2006-01-02 15:04:05.000000'")
}

func (*dialect) AppendJSON(b, text []byte) []byte {
	b = append(b, '\'')
	b = append(b, bytes.ReplaceAll(text, []byte("'"), []byte("''"))...)
	return append(b, '\'')
}

// Bind implements store.Dialect. Statements are few, so they are remembered.
func (d *dialect) Bind(query string) string {
	if known, ok := d.bound.Load(query); ok {
		return known.(string)
	}
	text := number(query)
	d.bound.Store(query, text)
	return text
}

// number writes $1, $2 for each "?" that does not stand in quotes.
func number(query string) string {
	var b strings.Builder
	var quote rune
	n := 0
	for _, c := range query {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '?':
			n++
			b.WriteString("$" + strconv.Itoa(n))
			continue
		}
		b.WriteRune(c)
	}
	return b.String()
}

// Regexp implements store.Dialect.
func (*dialect) Regexp(expr string) (operator, pattern string) { return "~", translate(expr) }

// LockSQL implements store.Dialect.
func (*dialect) LockSQL(shared bool) string {
	if shared {
		return "SELECT pg_advisory_xact_lock_shared($1)"
	}
	return "SELECT pg_advisory_xact_lock($1)"
}

// JSONEach implements store.Dialect.
func (*dialect) JSONEach(column string) string { return "json_each_text(" + column + "::json)" }
