package computeapi

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/store"
)

func (h handler) flavorRoutes() []httpapi.Route {
	return []httpapi.Route{
		{Method: "GET", Pattern: "/flavors", Action: compute.ActionFlavorsList, Query: flavorQuery{}, Response: flavorList{}, Handle: h.listFlavors},
		{Method: "GET", Pattern: "/flavors/detail", Action: compute.ActionFlavorsList, Query: flavorQuery{}, Response: flavorDetails{}, Handle: h.detailFlavors},
		{Method: "GET", Pattern: "/flavors/{flavor_id}", Action: compute.ActionFlavorsList, Response: flavorBody{}, Handle: h.showFlavor},
		{Method: "POST", Pattern: "/flavors", Action: compute.ActionFlavorCreate, Request: newFlavorBody{}, Response: flavorBody{}, Handle: httpapi.Body(h.createFlavor)},
		{Method: "PUT", Pattern: "/flavors/{flavor_id}", Action: compute.ActionFlavorUpdate, Since: httpapi.V("2.55"), Request: describeFlavorBody{}, Response: flavorBody{}, Handle: httpapi.Body(h.updateFlavor)},
		{Method: "DELETE", Pattern: "/flavors/{flavor_id}", Action: compute.ActionFlavorDelete, Status: 202, Handle: h.deleteFlavor},
	}
}

type flavorQuery struct {
	paging
	IsPublic string   `json:"is_public"`
	MinRAM   string   `json:"minRam"`
	MinDisk  string   `json:"minDisk"`
	SortKey  []string `json:"sort_key"`
	SortDir  []string `json:"sort_dir"`
}

type newFlavorBody struct {
	Flavor struct {
		Name        name       `json:"name" api:"required"`
		ID          *scalar    `json:"id" api:"nullable"`
		Description *printable `json:"description" since:"2.55" api:"nullable,max=65535"`
		VCPUs       integer    `json:"vcpus" api:"required,min=1,max=2147483647"`
		RAM         integer    `json:"ram" api:"required,min=1,max=2147483647"`
		Disk        integer    `json:"disk" api:"required,min=0,max=2147483647"`
		Ephemeral   integer    `json:"OS-FLV-EXT-DATA:ephemeral" api:"min=0,max=2147483647"`
		Swap        integer    `json:"swap" api:"min=0,max=2147483647"`
		RxTxFactor  decimal    `json:"rxtx_factor"`
		Public      *boolean   `json:"os-flavor-access:is_public"`
	} `json:"flavor" api:"required"`
}

type describeFlavorBody struct {
	Flavor struct {
		Description *printable `json:"description" api:"required,nullable,max=65535"`
	} `json:"flavor" api:"required"`
}

// flavorBrief is a flavor in a list without details.
type flavorBrief struct {
	ID          string  `json:"id"`
	Name        string  `json:"name"`
	Description *string `json:"description" since:"2.55"`
	Links       []link  `json:"links"`
}

// flavorShape is a flavor in full.
type flavorShape struct {
	flavorBrief
	VCPUs      int                `json:"vcpus"`
	RAM        int                `json:"ram"`
	Disk       int                `json:"disk"`
	Ephemeral  int                `json:"OS-FLV-EXT-DATA:ephemeral"`
	Swap       any                `json:"swap"` // "" for none before 2.75, then 0
	RxTxFactor float64            `json:"rxtx_factor"`
	Disabled   bool               `json:"OS-FLV-DISABLED:disabled"`
	Public     bool               `json:"os-flavor-access:is_public"`
	ExtraSpecs *map[string]string `json:"extra_specs,omitzero" since:"2.61"` // nil for those who may not list them
}

type flavorBody struct {
	Flavor flavorShape `json:"flavor"`
}

type flavorList struct {
	Flavors []flavorBrief `json:"flavors"`
	Links   []link        `json:"flavors_links,omitempty"`
}

type flavorDetails struct {
	Flavors []flavorShape `json:"flavors"`
	Links   []link        `json:"flavors_links,omitempty"`
}

func (h handler) briefFlavor(f *compute.Flavor) flavorBrief {
	return flavorBrief{ID: f.ID, Name: f.Name, Description: f.Description, Links: h.links("/flavors/" + f.ID)}
}

func (h handler) flavorShape(r *httpapi.Request, f *compute.Flavor, specs bool) flavorShape {
	out := flavorShape{flavorBrief: h.briefFlavor(f), VCPUs: f.VCPUs, RAM: f.MemoryMiB, Disk: f.DiskGiB, Ephemeral: f.EphemeralGiB,
		Swap: f.SwapMiB, RxTxFactor: f.RxTxFactor, Disabled: f.Disabled, Public: f.Public}
	if f.SwapMiB == 0 && !r.Version.AtLeast(httpapi.V("2.75")) {
		out.Swap = ""
	}
	if specs {
		out.ExtraSpecs = &f.ExtraSpecs
	}
	return out
}

func (h handler) flavorBody(r *httpapi.Request, f *compute.Flavor, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return flavorBody{h.flavorShape(r, f, h.compute.Allows(r.Ctx(), compute.ActionExtraSpecsList, ""))}, nil
}

func (h handler) createFlavor(r *httpapi.Request, in *newFlavorBody) (any, error) {
	f := in.Flavor
	made, err := h.compute.CreateFlavor(r.Ctx(), compute.CreateFlavor{ID: string(deref(f.ID)), Name: string(f.Name), Description: (*string)(f.Description),
		VCPUs: int(f.VCPUs), MemoryMiB: int(f.RAM), DiskGiB: int(f.Disk), EphemeralGiB: int(f.Ephemeral), SwapMiB: int(f.Swap),
		RxTxFactor: float64(f.RxTxFactor), Private: f.Public != nil && !bool(*f.Public)})
	return h.flavorBody(r, made, err)
}

func (h handler) updateFlavor(r *httpapi.Request, in *describeFlavorBody) (any, error) {
	f, err := h.compute.DescribeFlavor(r.Ctx(), r.PathValue("flavor_id"), (*string)(in.Flavor.Description))
	return h.flavorBody(r, f, err)
}

func (h handler) showFlavor(r *httpapi.Request) (any, error) {
	f, err := h.compute.GetFlavor(r.Ctx(), r.PathValue("flavor_id"))
	return h.flavorBody(r, f, err)
}

func (h handler) deleteFlavor(r *httpapi.Request) (any, error) {
	return nil, h.compute.DeleteFlavor(r.Ctx(), r.PathValue("flavor_id"))
}

func (h handler) listFlavors(r *httpapi.Request) (any, error) {
	flavors, links, err := h.findFlavors(r)
	if err != nil {
		return nil, err
	}
	out := flavorList{Flavors: make([]flavorBrief, len(flavors)), Links: links}
	for n := range flavors {
		out.Flavors[n] = h.briefFlavor(&flavors[n])
	}
	return out, nil
}

func (h handler) detailFlavors(r *httpapi.Request) (any, error) {
	flavors, links, err := h.findFlavors(r)
	if err != nil {
		return nil, err
	}
	specs := h.compute.Allows(r.Ctx(), compute.ActionExtraSpecsList, "")
	out := flavorDetails{Flavors: make([]flavorShape, len(flavors)), Links: links}
	for n := range flavors {
		out.Flavors[n] = h.flavorShape(r, &flavors[n], specs)
	}
	return out, nil
}

// findFlavors gives the page of flavors that a request asks for.
func (h handler) findFlavors(r *httpapi.Request) ([]compute.Flavor, []link, error) {
	q, err := r.List("minRam", "minDisk")
	if err != nil {
		return nil, nil, err
	}
	for n, f := range q.Filters {
		q.Filters[n].Op = store.Gte
		if _, err := strconv.Atoi(f.Values[0]); err != nil {
			return nil, nil, errs.Invalidf("Invalid %s filter [%.255s]", f.Field, f.Values[0])
		}
	}
	for n := range q.Sorts {
		q.Sorts[n].Desc = r.Params().Get("sort_dir") == "desc" // unlike elsewhere flavors rise
	}
	of, err := flavorsOf(r.Params().Get("is_public"))
	if err != nil {
		return nil, nil, err
	}
	flavors, more, err := h.compute.ListFlavors(r.Ctx(), of, q)
	return flavors, next(r, more, last(flavors, func(f *compute.Flavor) string { return f.ID })), err
}

// flavorsOf reads is_public, where "none" is both.
func flavorsOf(public string) (compute.FlavorsOf, error) {
	if public == "" {
		return compute.OwnFlavors, nil
	}
	if strings.EqualFold(public, "none") {
		return compute.AllFlavors, nil
	}
	is, err := truth(public)
	switch {
	case err != nil:
		return 0, errs.Invalidf("Invalid is_public filter [%.255s]", public).Because(fmt.Errorf("is_public: %w", err))
	case bool(is):
		return compute.OwnFlavors, nil
	}
	return compute.PrivateFlavors, nil
}
