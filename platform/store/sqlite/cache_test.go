package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// fakeStmt is a statement that counts how often it was closed.
type fakeStmt struct {
	closed *int
	err    error
}

func (s fakeStmt) Close() error { *s.closed++; return s.err }

func (fakeStmt) NumInput() int                              { return 0 }
func (fakeStmt) Exec([]driver.Value) (driver.Result, error) { return nil, driver.ErrSkip }
func (fakeStmt) Query([]driver.Value) (driver.Rows, error)  { return nil, driver.ErrSkip }
func (fakeStmt) ExecContext(context.Context, []driver.NamedValue) (driver.Result, error) {
	return nil, driver.ErrSkip
}
func (fakeStmt) QueryContext(context.Context, []driver.NamedValue) (driver.Rows, error) {
	return nil, driver.ErrSkip
}

func TestCacheKeepsWhatWasUsedLast(t *testing.T) {
	c, closed := newCache(), make([]int, cached+2)
	put := func(i int) {
		require.NoError(t, c.put(fmt.Sprint(i), fakeStmt{closed: &closed[i]}))
	}
	for i := range cached {
		put(i)
	}
	s := c.take("0")
	require.NotNil(t, s)
	require.Nil(t, c.take("0"), "it is in use")
	require.NoError(t, c.put("0", s))
	put(cached)
	require.Equal(t, 1, closed[1], "1 was not used for longest")
	require.Nil(t, c.take("1"))
	require.NotNil(t, c.take("0"))
	require.Zero(t, closed[0])

	twin := 0
	require.NoError(t, c.put("2", fakeStmt{closed: &twin}))
	require.Equal(t, 1, twin, "one statement for each text is enough")

	failing := 0
	require.NoError(t, c.put("x", fakeStmt{closed: &failing, err: errors.New("busy")}))
	require.Error(t, c.clear())
	require.Equal(t, 1, failing)
	for i := 2; i <= cached; i++ {
		require.Equal(t, 1, closed[i], "every statement is closed once")
	}
	require.Empty(t, c.byText)
	require.Zero(t, c.order.Len())
}
