package cloud

import (
	"github.com/cumulite/cumulite/platform/flow"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/store"
)

// FailStore puts a function into the store's seam.
func (o *Options) FailStore(f func(op string) error) { o.fault = f }

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
