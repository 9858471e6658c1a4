package computeapi

import (
	"net/http"

	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/store"
)

func (h handler) keypairRoutes() []httpapi.Route {
	const list, one = "/os-keypairs", "/os-keypairs/{name}"
	return []httpapi.Route{
		{Method: "GET", Pattern: list, Action: compute.ActionKeypairList, Query: keypairListQuery{}, Response: keypairList{}, Handle: h.listKeypairs},
		{Method: "POST", Pattern: list, Action: compute.ActionKeypairCreate, Until: httpapi.V("2.91"), Request: newKeypairBody{}, Response: madeKeypairBody{}, Status: 201, Handle: httpapi.Body(h.createKeypair)},
		{Method: "POST", Pattern: list, Action: compute.ActionKeypairCreate, Since: httpapi.V("2.92"), Request: importKeypairBody{}, Response: madeKeypairBody{}, Status: 201, Handle: httpapi.Body(h.importKeypair)},
		{Method: "GET", Pattern: one, Action: compute.ActionKeypairShow, Query: keypairQuery{}, Response: keypairBody{}, Handle: h.showKeypair},
		{Method: "DELETE", Pattern: one, Action: compute.ActionKeypairDelete, Query: keypairQuery{}, Status: 204, Handle: h.deleteKeypair},
	}
}

type keypairQuery struct {
	UserID string `json:"user_id" since:"2.10"`
}

type keypairListQuery struct {
	UserID string   `json:"user_id" since:"2.10"`
	Limit  *integer `json:"limit" since:"2.35" api:"min=0"`
	Marker string   `json:"marker" since:"2.35"`
}

type newKeypairBody struct {
	Keypair struct {
		Name      string `json:"name" api:"required,min=1,max=255,pattern=^[_\\- a-zA-Z0-9]+$"`
		Type      string `json:"type" since:"2.2" api:"enum=ssh|x509"`
		PublicKey string `json:"public_key" api:"min=1"` // without one a pair is generated
		UserID    string `json:"user_id" since:"2.10"`
	} `json:"keypair" api:"required"`
}

// importKeypairBody is of the microversions in which nothing is generated.
type importKeypairBody struct {
	Keypair struct {
		Name      string `json:"name" api:"required,min=1,max=255,pattern=^[_\\-@. a-zA-Z0-9]+$"`
		Type      string `json:"type" api:"enum=ssh|x509"`
		PublicKey string `json:"public_key" api:"required,min=1"`
		UserID    string `json:"user_id"`
	} `json:"keypair" api:"required"`
}

// keypairBrief is a keypair in a list.
type keypairBrief struct {
	Name        string              `json:"name"`
	PublicKey   string              `json:"public_key"`
	Fingerprint string              `json:"fingerprint"`
	Type        compute.KeypairType `json:"type" since:"2.2"`
}

type keypairShape struct {
	keypairBrief
	ID        int64   `json:"id"`
	UserID    string  `json:"user_id"`
	CreatedAt string  `json:"created_at"`
	UpdatedAt *string `json:"updated_at"`
	Deleted   bool    `json:"deleted"`
	DeletedAt *string `json:"deleted_at"`
}

// madeKeypair is a keypair as the answer to its making shows it, with the
// private half when it was generated.
type madeKeypair struct {
	keypairBrief
	UserID     string `json:"user_id"`
	PrivateKey string `json:"private_key,omitempty"`
}

type keypairBody struct {
	Keypair keypairShape `json:"keypair"`
}

type madeKeypairBody struct {
	Keypair madeKeypair `json:"keypair"`
}

type keypairList struct {
	Keypairs []keypairEntry `json:"keypairs"`
	Links    []link         `json:"keypairs_links,omitempty" since:"2.35"`
}

type keypairEntry struct {
	Keypair keypairBrief `json:"keypair"`
}

func briefKeypair(k *compute.Keypair) keypairBrief {
	return keypairBrief{Name: k.Name, PublicKey: k.PublicKey, Fingerprint: k.Fingerprint, Type: k.Type}
}

func (h handler) createKeypair(r *httpapi.Request, in *newKeypairBody) (any, error) {
	if !r.Version.AtLeast(httpapi.V("2.2")) {
		r.Status(http.StatusOK)
	}
	return h.makeKeypair(r, compute.CreateKeypair{Name: in.Keypair.Name, Type: compute.KeypairType(in.Keypair.Type), PublicKey: in.Keypair.PublicKey, UserID: in.Keypair.UserID})
}

func (h handler) importKeypair(r *httpapi.Request, in *importKeypairBody) (any, error) {
	return h.makeKeypair(r, compute.CreateKeypair{Name: in.Keypair.Name, Type: compute.KeypairType(in.Keypair.Type), PublicKey: in.Keypair.PublicKey, UserID: in.Keypair.UserID})
}

// makeKeypair answers with the private half when there is one: no other answer ever shows it.
func (h handler) makeKeypair(r *httpapi.Request, in compute.CreateKeypair) (any, error) {
	k, private, err := h.compute.CreateKeypair(r.Ctx(), in)
	if err != nil {
		return nil, err
	}
	return madeKeypairBody{madeKeypair{keypairBrief: briefKeypair(k), UserID: k.UserID, PrivateKey: private.Reveal()}}, nil
}

func (h handler) listKeypairs(r *httpapi.Request) (any, error) {
	in, err := httpapi.Query[keypairListQuery](r)
	if err != nil {
		return nil, err
	}
	q := store.Query{Limit: int(deref(in.Limit)), Marker: in.Marker}
	list, more, err := h.compute.ListKeypairs(r.Ctx(), in.UserID, q)
	if err != nil {
		return nil, err
	}
	out := keypairList{Keypairs: make([]keypairEntry, len(list)), Links: next(r, more, last(list, func(k *compute.Keypair) string { return k.Name }))}
	for n := range list {
		out.Keypairs[n].Keypair = briefKeypair(&list[n])
	}
	return out, nil
}

func (h handler) showKeypair(r *httpapi.Request) (any, error) {
	in, err := httpapi.Query[keypairQuery](r)
	if err != nil {
		return nil, err
	}
	k, err := h.compute.GetKeypair(r.Ctx(), in.UserID, r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	return keypairBody{keypairShape{keypairBrief: briefKeypair(k), ID: k.Number, UserID: k.UserID, CreatedAt: naive(k.CreatedAt)}}, nil
}

func (h handler) deleteKeypair(r *httpapi.Request) (any, error) {
	in, err := httpapi.Query[keypairQuery](r)
	if err != nil {
		return nil, err
	}
	if !r.Version.AtLeast(httpapi.V("2.2")) {
		r.Status(http.StatusAccepted)
	}
	return nil, h.compute.DeleteKeypair(r.Ctx(), in.UserID, r.PathValue("name"))
}
