package sqlite

import "container/list"

// cached is how many statements a connection keeps prepared.
const cached = 128

// cache keeps the statements used last. It belongs to one connection, which
// database/sql gives to one goroutine at a time.
type cache struct {
	byText map[string]*list.Element
	order  *list.List // of entry; the one used last in front
}

type entry struct {
	query string
	stmt  driverStmt
}

func newCache() *cache { return &cache{byText: map[string]*list.Element{}, order: list.New()} }

// take removes and gives the statement; nil without one.
func (c *cache) take(query string) driverStmt {
	e := c.byText[query]
	if e == nil {
		return nil
	}
	delete(c.byText, query)
	return c.order.Remove(e).(entry).stmt
}

// put keeps the statement, closing the one that was not used for longest when
// there are too many, or this one when its text is kept already.
func (c *cache) put(query string, s driverStmt) error {
	if c.byText[query] != nil {
		return s.Close()
	}
	c.byText[query] = c.order.PushFront(entry{query, s})
	if c.order.Len() <= cached {
		return nil
	}
	oldest := c.order.Remove(c.order.Back()).(entry)
	delete(c.byText, oldest.query)
	return oldest.stmt.Close()
}

// clear closes all statements.
func (c *cache) clear() error {
	var first error
	for query := range c.byText {
		if err := c.take(query).Close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}
