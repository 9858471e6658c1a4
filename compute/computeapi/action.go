package computeapi

import (
	"time"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/httpapi/listquery"
	"github.com/cumulite/cumulite/platform/store"
)

func (h handler) actionRoutes() []httpapi.Route {
	const list = "/servers/{server_id}/os-instance-actions"
	return []httpapi.Route{
		{Method: "GET", Pattern: list, Action: compute.ActionActionsList, Query: actionQuery{}, Response: actionList{}, Handle: h.listActions},
		{Method: "GET", Pattern: list + "/{request_id}", Action: compute.ActionActionsShow, Response: actionBody{}, Handle: h.showAction},
	}
}

type actionQuery struct {
	Limit         *integer `json:"limit" since:"2.58" api:"min=0"`
	Marker        string   `json:"marker" since:"2.58"`
	ChangesSince  string   `json:"changes-since" since:"2.58"`
	ChangesBefore string   `json:"changes-before" since:"2.66"`
}

type actionShape struct {
	Action    string  `json:"action"`
	ServerID  string  `json:"instance_uuid"`
	RequestID string  `json:"request_id"`
	UserID    *string `json:"user_id"`
	ProjectID *string `json:"project_id"`
	StartTime string  `json:"start_time"`
	Message   *string `json:"message"`
	UpdatedAt string  `json:"updated_at" since:"2.58"`
}

type actionDetail struct {
	actionShape
	Events *[]eventShape `json:"events,omitzero"` // nil for those who may not see them
}

type eventShape struct {
	Event      string         `json:"event"`
	StartTime  string         `json:"start_time"`
	FinishTime *string        `json:"finish_time"`
	Result     *string        `json:"result"`
	Traceback  maybe[*string] `json:"traceback,omitzero"`
	Host       maybe[string]  `json:"host,omitzero" since:"2.62"`
	HostID     string         `json:"hostId" since:"2.62"`
	Details    maybe[*string] `json:"details,omitzero" since:"2.84"`
}

// maybe is a field that only some are shown, and may be null for them.
type maybe[T any] = httpapi.Optional[T]

type actionList struct {
	Actions []actionShape `json:"instanceActions"`
	Links   []link        `json:"links,omitempty" since:"2.58"`
}

type actionBody struct {
	Action actionDetail `json:"instanceAction"`
}

// sinceDeleted is the microversion from which deleted servers still show their actions.
var sinceDeleted = httpapi.V("2.21")

func showAction(a *compute.Action) actionShape {
	out := actionShape{Action: a.Name, ServerID: a.ServerID, RequestID: a.RequestID, UserID: ref(a.UserID), ProjectID: ref(a.ProjectID),
		StartTime: naive(a.StartedAt), UpdatedAt: naive(a.UpdatedAt)}
	if a.Failed {
		out.Message = ref("Error")
	}
	return out
}

func (h handler) listActions(r *httpapi.Request) (any, error) {
	in, err := httpapi.Query[actionQuery](r)
	if err != nil {
		return nil, err
	}
	q := store.Query{Limit: int(deref(in.Limit)), Marker: in.Marker}
	if r.Version.AtLeast(httpapi.V("2.58")) {
		if q.Filters, err = changes(r); err != nil {
			return nil, err
		}
	}
	list, more, err := h.compute.ListActions(r.Ctx(), r.PathValue("server_id"), r.Version.AtLeast(sinceDeleted), q)
	if err != nil {
		return nil, err
	}
	out := actionList{Actions: make([]actionShape, len(list)), Links: next(r, more, last(list, func(a *compute.Action) string { return a.RequestID }))}
	for n := range list {
		out.Actions[n] = showAction(&list[n])
	}
	return out, nil
}

// changes reads changes-since and, where the row has it, changes-before.
func changes(r *httpapi.Request) (filters []store.Filter, err error) {
	since, err := listquery.Time(r.Params(), "changes-since")
	if err != nil {
		return nil, err
	}
	var before *time.Time
	if r.Version.AtLeast(httpapi.V("2.66")) {
		if before, err = listquery.Time(r.Params(), "changes-before"); err != nil {
			return nil, err
		}
	}
	if since != nil && before != nil && before.Before(*since) {
		return nil, errs.Invalidf("The value of changes-since must be less than or equal to changes-before.")
	}
	if since != nil {
		filters = append(filters, store.Filter{Field: "updated_at", Op: store.Gte, Values: []string{since.Format(time.RFC3339Nano)}})
	}
	if before != nil {
		filters = append(filters, store.Filter{Field: "updated_at", Op: store.Lte, Values: []string{before.Format(time.RFC3339Nano)}})
	}
	return filters, nil
}

func (h handler) showAction(r *httpapi.Request) (any, error) {
	a, events, err := h.compute.GetAction(r.Ctx(), r.PathValue("server_id"), r.PathValue("request_id"), r.Version.AtLeast(sinceDeleted))
	if err != nil {
		return nil, err
	}
	out := actionDetail{actionShape: showAction(a)}
	all := h.compute.Allows(r.Ctx(), compute.ActionActionsEvents, a.ProjectID)
	if !all && !r.Version.AtLeast(httpapi.V("2.51")) {
		return actionBody{out}, nil
	}
	details := h.compute.Allows(r.Ctx(), compute.ActionActionsDetails, a.ProjectID)
	shapes := make([]eventShape, len(events))
	for n := range events {
		shapes[n] = showEvent(a, &events[n], all, details)
		if e := &events[n]; e.UnderWay && e.Details != nil {
			out.Message = e.Details // the one word of the original tells the owner nothing of what is still tried
		}
	}
	out.Events = &shapes
	return actionBody{out}, nil
}

// showEvent shows a step; one that is still tried has no result yet. Which host
// it was on, and why it failed, is for some only.
func showEvent(a *compute.Action, e *compute.ActionEvent, all, details bool) eventShape {
	out := eventShape{Event: e.Name, StartTime: naive(e.StartedAt), HostID: (&compute.Server{ProjectID: a.ProjectID, Host: e.Host}).HostID()}
	if !e.UnderWay {
		out.FinishTime, out.Result = ref(naive(e.FinishedAt)), ref(map[bool]string{false: "Success", true: "Error"}[e.Failed])
	}
	if all {
		out.Traceback, out.Host = maybe[*string]{Set: true, Value: e.Details}, maybe[string]{Set: true, Value: e.Host}
	}
	if details {
		out.Details = maybe[*string]{Set: true, Value: e.Details}
	}
	return out
}
