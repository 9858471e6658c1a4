package cloud

import (
	"github.com/cumulite/cumulite/platform/flow"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/store"
)

// DB gives the database, to look into.
func (c *Cloud) DB() *store.Store { return c.db }

// Ops gives the engine of operations, to wait for.
func (c *Cloud) Ops() *flow.Engine { return c.ops }

// APIs gives the APIs by their prefixes.
func (c *Cloud) APIs() map[string]*httpapi.API {
	out := map[string]*httpapi.API{}
	for prefix, h := range c.handler.(prefixes) {
		out[prefix] = h.(*httpapi.API)
	}
	return out
}
