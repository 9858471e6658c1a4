package sqlite

import (
	"database/sql/driver"
	"regexp"
	"sync/atomic"

	"modernc.org/sqlite"
)

// newDriver gives a driver of our own: what is registered on it does not
// reach other users of SQLite in the process.
func newDriver() (*sqlite.Driver, error) {
	drv := &sqlite.Driver{}
	return drv, drv.RegisterDeterministicScalarFunction("regexp", 2, matcher())
}

// matcher gives the function behind "text REGEXP expression", in RE2's syntax.
// It remembers the last expression, which a query uses for all rows.
func matcher() func(*sqlite.FunctionContext, []driver.Value) (driver.Value, error) {
	var last atomic.Pointer[regexp.Regexp]
	return func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		expr, ok := args[0].(string)
		text, ok2 := args[1].(string)
		if !ok || !ok2 {
			return nil, nil // NULL, as SQL has it
		}
		re := last.Load()
		if re == nil || re.String() != expr {
			var err error
			if re, err = regexp.Compile(expr); err != nil {
				return nil, err
			}
			last.Store(re)
		}
		return re.MatchString(text), nil
	}
}
