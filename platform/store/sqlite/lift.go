package sqlite

import (
	"database/sql/driver"
	"strconv"
	"strings"
)

// maxLifted is how many literals of a statement become arguments: beyond it
// the statement is a list that will not come again.
const maxLifted = 256

// lift takes out of a statement of bun's the literals that bun wrote into it,
// so that the same question about another row is the same text, and finds its
// statement prepared. What SQLite must know when it prepares stays: the empty text and
// single characters (in the conditions of partial indexes, and in ESCAPE), and
// numbers other than those that are compared, set or inserted.
func lift(query string) (text string, args []driver.NamedValue) {
	insert := strings.HasPrefix(query, "INSERT ")
	if !insert && !strings.HasPrefix(query, "SELECT ") && !strings.HasPrefix(query, "UPDATE ") && !strings.HasPrefix(query, "DELETE ") {
		return query, nil
	}
	var b strings.Builder
	b.Grow(len(query))
	for at := 0; at < len(query); {
		end, value := literal(query, at, insert)
		if value == nil {
			b.WriteString(query[at:end])
		} else {
			b.WriteByte('?')
			args = append(args, driver.NamedValue{Ordinal: len(args) + 1, Value: value})
		}
		at = end
	}
	if len(args) > maxLifted {
		return query, nil
	}
	return b.String(), args
}

// literal reads on from at: a literal with its value, or what is none, nil.
func literal(query string, at int, insert bool) (end int, value driver.Value) {
	switch c := query[at]; {
	case c == '"':
		return at + quoted(query[at:], '"'), nil
	case c == '\'':
		end := at + quoted(query[at:], '\'')
		if end-at <= 3 || at > 0 && query[at-1] == 'X' { // '', 'c', and bytes
			return end, nil
		}
		return end, strings.ReplaceAll(query[at+1:end-1], "''", "'")
	case c >= '0' && c <= '9' && bare(query[:at], insert):
		end := at + strings.IndexFunc(query[at:]+" ", func(r rune) bool { return r < '0' || r > '9' })
		n, err := strconv.ParseInt(query[at:end], 10, 64)
		if err != nil || end < len(query) && (query[end] == '.' || query[end] == 'e') {
			return end, nil
		}
		return end, n
	}
	next := strings.IndexAny(query[at+1:], `"'0123456789`)
	if next < 0 {
		return len(query), nil
	}
	return at + 1 + next, nil
}

// quoted gives the length of what is in quotes at the beginning of text; two
// of them are one inside.
func quoted(text string, quote byte) int {
	for i := 1; i < len(text); i++ {
		if text[i] != quote {
			continue
		}
		if i+1 == len(text) || text[i+1] != quote {
			return i + 1
		}
		i++
	}
	return len(text)
}

// bare tells whether a number after this text is a value that is compared, set
// or inserted.
func bare(before string, insert bool) bool {
	for _, sign := range []string{"= ", "> ", "< "} {
		if strings.HasSuffix(before, sign) {
			return true
		}
	}
	return insert && (strings.HasSuffix(before, ", ") || strings.HasSuffix(before, "("))
}
