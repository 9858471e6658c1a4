package sqlite

import (
	"bytes"
	"time"

	"github.com/uptrace/bun/dialect/sqlitedialect"
)

// timeFormat is UTC at a fixed width, so that text sorts as time does. Columns
// declared TIMESTAMP come back as time.Time.
const timeFormat = "2006-01-02 15:04:05.000000"

// dialect is bun's, with times that compare and JSON that is kept as it is.
type dialect struct{ *sqlitedialect.Dialect }

func newDialect() *dialect { return &dialect{sqlitedialect.New()} }

func (*dialect) AppendTime(b []byte, t time.Time) []byte {
	b = append(b, '\'')
	b = t.UTC().AppendFormat(b, timeFormat)
	return append(b, '\'')
}

func (*dialect) AppendJSON(b, text []byte) []byte {
	b = append(b, '\'')
	b = append(b, bytes.ReplaceAll(text, []byte("'"), []byte("''"))...)
	return append(b, '\'')
}

// Bind implements store.Dialect: SQLite takes "?" as it is.
func (*dialect) Bind(query string) string { return query }

// Regexp implements store.Dialect.
func (*dialect) Regexp(expr string) (operator, pattern string) { return "REGEXP", expr }

// LockSQL implements store.Dialect: there is one writer.
func (*dialect) LockSQL(bool) string { return "" }

// JSONEach implements store.Dialect.
func (*dialect) JSONEach(column string) string { return "json_each(" + column + ")" }
