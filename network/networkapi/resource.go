package networkapi

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/cumulite/cumulite/network"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/policy"
	"github.com/cumulite/cumulite/platform/store"
)

// keyed is a body with one name: {"network": {…}}, {"networks": [{…}]}.
type keyed[T any] map[string]T

// resource says what is the same for the rows of all resources: T is the
// domain's, New and Change are the wire structs of POST and PUT.
type resource[T, New, Change any] struct {
	one, many string   // names in bodies: "network", "networks"
	path      string   // "/networks"
	filters   []string // parameters of lists, beside those of all resources
	unsorted  []string // those of them that lists cannot be sorted by

	view   any                           // zero of what show gives
	show   func(context.Context, *T) any // as the caller may see it
	id     func(*T) string
	get    func(context.Context, string) (*T, error)
	list   func(context.Context, store.Query) ([]T, bool, error)
	create func(context.Context, []New) ([]T, error)
	update func(context.Context, string, *Change) (*T, error) // nil: it cannot be changed
	remove func(context.Context, string) error
	// hides gives the action by which policy shows an attribute, "" for those that all see.
	hides func(attribute string) policy.Action
	may   func(context.Context, policy.Action) bool
}

// rows gives the rows of the resource, {"…": […]} beside {"…": {…}} on POST.
func (k *resource[T, New, Change]) rows() []httpapi.Route {
	action := func(verb string) policy.Action { return policy.Action(verb + "_" + k.one) }
	item, one, many := k.path+"/{id}", documented(k.one, reflect.TypeOf(k.view)), documented(k.many, reflect.SliceOf(reflect.TypeOf(k.view)))
	rows := []httpapi.Route{
		{Method: "GET", Pattern: k.path, Action: action("get"), Response: many, Handle: k.serveList},
		{Method: "POST", Pattern: k.path, BodyKey: k.one, Action: action("create"), Request: keyed[New]{}, Response: one, Status: http.StatusCreated, Handle: httpapi.Body(k.serveCreate)},
		{Method: "POST", Pattern: k.path, BodyKey: k.many, Action: action("create"), Request: keyed[[]New]{}, Response: many, Status: http.StatusCreated, Handle: httpapi.Body(k.serveBulk)},
		{Method: "GET", Pattern: item, Action: action("get"), Response: one, Handle: k.serveShow},
		{Method: "DELETE", Pattern: item, Action: action("delete"), Status: http.StatusNoContent, Handle: k.serveDelete},
	}
	if k.update != nil {
		rows = append(rows, httpapi.Route{Method: "PUT", Pattern: item, BodyKey: k.one, Action: action("update"), Request: keyed[Change]{}, Response: one, Handle: httpapi.Body(k.serveUpdate)})
	}
	return rows
}

// documented gives a zero body with one name, for the row's description.
func documented(name string, of reflect.Type) any {
	field := reflect.StructField{Name: "Body", Type: of, Tag: reflect.StructTag(`json:"` + name + `"`)}
	return reflect.Zero(reflect.StructOf([]reflect.StructField{field})).Interface()
}

// answer dresses what a method of the service gave.
func (k *resource[T, New, Change]) answer(r *httpapi.Request, row *T, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return keyed[any]{k.one: k.show(r.Ctx(), row)}, nil
}

func (k *resource[T, New, Change]) showAll(ctx context.Context, rows []T) []any {
	out := make([]any, len(rows))
	for i := range rows {
		out[i] = k.show(ctx, &rows[i])
	}
	return out
}

func (k *resource[T, New, Change]) serveShow(r *httpapi.Request) (any, error) {
	row, err := k.get(r.Ctx(), r.PathValue("id"))
	return k.answer(r, row, err)
}

func (k *resource[T, New, Change]) serveCreate(r *httpapi.Request, in *keyed[New]) (any, error) {
	rows, err := k.create(r.Ctx(), []New{(*in)[k.one]})
	if err != nil {
		return nil, err
	}
	return k.answer(r, &rows[0], nil)
}

func (k *resource[T, New, Change]) serveBulk(r *httpapi.Request, in *keyed[[]New]) (any, error) {
	if len((*in)[k.many]) == 0 {
		return nil, errs.Invalidf("Resources required")
	}
	rows, err := k.create(r.Ctx(), (*in)[k.many])
	if err != nil {
		return nil, err
	}
	return keyed[any]{k.many: k.showAll(r.Ctx(), rows)}, nil
}

func (k *resource[T, New, Change]) serveUpdate(r *httpapi.Request, in *keyed[Change]) (any, error) {
	ctx, err := constrained(r)
	if err != nil {
		return nil, err
	}
	change := (*in)[k.one]
	row, err := k.update(ctx, r.PathValue("id"), &change)
	return k.answer(r, row, err)
}

func (k *resource[T, New, Change]) serveDelete(r *httpapi.Request) (any, error) {
	ctx, err := constrained(r)
	if err != nil {
		return nil, err
	}
	return nil, k.remove(ctx, r.PathValue("id"))
}

func (k *resource[T, New, Change]) serveList(r *httpapi.Request) (any, error) {
	q, err := r.List(slices.Concat(k.filters, standardFilters)...)
	if err != nil {
		return nil, err
	}
	if err := k.sortable(q.Sorts); err != nil {
		return nil, err
	}
	if k.asksHidden(r.Ctx(), &q) {
		return keyed[any]{k.many: []any{}}, nil
	}
	rows, more, err := k.list(r.Ctx(), q)
	if err != nil {
		return nil, k.markerMissing(r.Ctx(), q.Marker, err)
	}
	out := keyed[any]{k.many: k.showAll(r.Ctx(), rows)}
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = k.id(&rows[i])
	}
	if links := pageLinks(r, q, ids, more); links != nil {
		out[k.many+"_links"] = links
	}
	return out, nil
}

// markerMissing says of a list that failed that its marker is not there, if it is not.
func (k *resource[T, New, Change]) markerMissing(ctx context.Context, marker string, err error) error {
	if marker == "" || !errs.Is(err, errs.Invalid) {
		return err
	}
	if _, missing := k.get(ctx, marker); missing != nil {
		return missing
	}
	return err
}

// sortable refuses to sort by what is no single value.
func (k *resource[T, New, Change]) sortable(sorts []store.Sort) error {
	for _, s := range sorts {
		known := slices.Contains(k.filters, s.Field) || slices.Contains(standardSorts, s.Field)
		if !known || slices.Contains(k.unsorted, s.Field) {
			return errs.Invalidf("['%.255s'] is invalid attribute for sort_keys", s.Field)
		}
	}
	return nil
}

// asksHidden tells whether q filters by an attribute that the caller is not
// shown: nothing matches then, or the answer would tell its value. Sorting by
// one does nothing.
func (k *resource[T, New, Change]) asksHidden(ctx context.Context, q *store.Query) bool {
	hidden := func(attribute string) bool {
		if k.hides == nil {
			return false
		}
		action := k.hides(attribute)
		return action != "" && !k.may(ctx, action)
	}
	q.Sorts = slices.DeleteFunc(q.Sorts, func(s store.Sort) bool { return hidden(s.Field) })
	return slices.ContainsFunc(q.Filters, func(f store.Filter) bool { return hidden(f.Field) })
}

// standardFilters are the parameters of every list that are no attribute of
// one resource alone; all but the last may be sorted by.
var (
	standardSorts   = []string{"id", "project_id", "tenant_id", "description", "revision_number", "created_at", "updated_at"}
	standardFilters = append(slices.Clone(standardSorts), "changed_since", "tags", "tags-any", "not-tags", "not-tags-any")
)

type link struct {
	Rel  string `json:"rel"`
	Href string `json:"href"`
}

// pageLinks gives the links around a page of these ids. As in the original,
// the last page is known by not being full, so that one may follow that is empty.
func pageLinks(r *httpapi.Request, q store.Query, ids []string, more bool) (links []link) {
	if q.Limit == 0 && more && len(ids) > 0 { // the page is ours: lists without a limit have none in the original
		return []link{{"next", r.NextLink(ids[len(ids)-1])}}
	}
	if q.Limit == 0 {
		return nil
	}
	short := len(ids) < q.Limit
	ids = append(ids, "")
	if !short || q.Reverse {
		links = append(links, link{"next", r.NextLink(ids[max(len(ids)-2, 0)])})
	}
	if !short || !q.Reverse {
		links = append(links, link{"previous", r.PreviousLink(ids[0])})
	}
	return links
}

// constrained gives the context of a change that is to be made only to the
// revision that the caller knows: If-Match: revision_number=3.
func constrained(r *httpapi.Request) (context.Context, error) {
	match := r.Request.Header.Get("If-Match")
	if match == "" {
		return r.Ctx(), nil
	}
	text, ok := strings.CutPrefix(match, "revision_number=")
	revision, err := strconv.ParseInt(text, 10, 64)
	if !ok || err != nil {
		return nil, errs.Invalidf("Bad format for If-Match: it takes revision_number=<number>")
	}
	return network.WithRevision(r.Ctx(), revision), nil
}

// making gives the create of a resource: all are read before any is made.
func making[New, In, T any](domain func(*New) (In, error), create func(context.Context, []In) ([]T, error)) func(context.Context, []New) ([]T, error) {
	return func(ctx context.Context, all []New) ([]T, error) {
		in := make([]In, len(all))
		for i := range all {
			var err error
			if in[i], err = domain(&all[i]); err != nil {
				return nil, err
			}
		}
		return create(ctx, in)
	}
}

// changing gives the update of a resource.
func changing[Change, In, T any](domain func(*Change) (In, error), update func(context.Context, string, In) (*T, error)) func(context.Context, string, *Change) (*T, error) {
	return func(ctx context.Context, id string, change *Change) (*T, error) {
		in, err := domain(change)
		if err != nil {
			return nil, err
		}
		return update(ctx, id, in)
	}
}
