// Package imageapi serves the Image API v2 over an *image.Service.
//
//	api, err := imageapi.New(images, httpapi.Config{Prefix: "/image", PublicURL: url, Verifier: identity})
package imageapi

import (
	"net/http"
	"strings"

	"github.com/cumulite/cumulite/image"
	"github.com/cumulite/cumulite/platform/httpapi"
)

// patchTypes are the media types of PATCH: JSON patch as Glance speaks it, and
// in the form of its first drafts.
var patchTypes = []string{"application/openstack-images-v2.1-json-patch", draftPatch}

type handler struct{ images *image.Service }

// New gives the API. Of cfg the caller sets where it is (Prefix, PublicURL,
// IdentityURL), who verifies tokens, logger, metrics and clock.
func New(images *image.Service, cfg httpapi.Config) (*httpapi.API, error) {
	h := handler{images}
	cfg.Service, cfg.Title, cfg.Root = "image", "Image API", "/v2"
	cfg.Fault, cfg.Lists, cfg.Document = faults(), lists, versions()
	cfg.StrictPaths = true
	return httpapi.New(cfg, append(h.schemaRows(), []httpapi.Route{
		{Method: "POST", Pattern: "/images", Action: image.ActionAdd, Request: newImage{}, Response: imageBody{}, Status: http.StatusCreated, Handle: httpapi.Body(h.create)},
		{Method: "GET", Pattern: "/images", Action: image.ActionList, Response: imageList{}, Handle: h.list},
		{Method: "GET", Pattern: "/images/{image_id}", Action: image.ActionGet, Response: imageBody{}, Handle: h.show},
		{Method: "PATCH", Pattern: "/images/{image_id}", Action: image.ActionModify, Request: []change{}, Response: imageBody{}, ContentTypes: patchTypes, Handle: httpapi.Body(h.update)},
		{Method: "DELETE", Pattern: "/images/{image_id}", Action: image.ActionDelete, Status: http.StatusNoContent, Handle: h.delete},
		{Method: "PUT", Pattern: "/images/{image_id}/file", Action: image.ActionUpload, Raw: true, ContentTypes: []string{"application/octet-stream"}, Status: http.StatusNoContent, Handle: h.upload},
		{Method: "GET", Pattern: "/images/{image_id}/file", Action: image.ActionDownload, Raw: true, Handle: h.download},
		{Method: "PUT", Pattern: "/images/{image_id}/tags/{tag}", Action: image.ActionModify, Status: http.StatusNoContent, Handle: h.addTag},
		{Method: "DELETE", Pattern: "/images/{image_id}/tags/{tag}", Action: image.ActionModify, Status: http.StatusNoContent, Handle: h.removeTag},
		{Method: "POST", Pattern: "/images/{image_id}/actions/deactivate", Action: image.ActionDeactivate, Status: http.StatusNoContent, Handle: h.deactivate},
		{Method: "POST", Pattern: "/images/{image_id}/actions/reactivate", Action: image.ActionReactivate, Status: http.StatusNoContent, Handle: h.reactivate},
	}...))
}

func (h handler) create(r *httpapi.Request, in *newImage) (any, error) {
	i, err := h.images.CreateImage(r.Ctx(), in.domain())
	if err != nil {
		return nil, err
	}
	r.Header().Set("Location", r.URLFor("/images/"+i.ID))
	return show(i), nil
}

func (h handler) show(r *httpapi.Request) (any, error) {
	i, err := h.images.GetImage(r.Ctx(), r.PathValue("image_id"))
	if err != nil {
		return nil, err
	}
	return show(i), nil
}

func (h handler) update(r *httpapi.Request, in *[]change) (any, error) {
	i, err := h.images.GetImage(r.Ctx(), r.PathValue("image_id"))
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(r.Request.Header.Get("Content-Type"), draftPatch) {
		for n := range *in {
			(*in)[n].fromDraft()
		}
	}
	changes, err := patch(i, *in)
	if err != nil {
		return nil, err
	}
	if i, err = h.images.UpdateImage(r.Ctx(), i.ID, changes); err != nil {
		return nil, err
	}
	return show(i), nil
}

func (h handler) delete(r *httpapi.Request) (any, error) {
	return nil, h.images.DeleteImage(r.Ctx(), r.PathValue("image_id"))
}

func (h handler) upload(r *httpapi.Request) (any, error) {
	return nil, h.images.Upload(r.Ctx(), r.PathValue("image_id"), r.Body)
}

func (h handler) addTag(r *httpapi.Request) (any, error) {
	return nil, h.images.AddTag(r.Ctx(), r.PathValue("image_id"), r.PathValue("tag"))
}

func (h handler) removeTag(r *httpapi.Request) (any, error) {
	return nil, h.images.RemoveTag(r.Ctx(), r.PathValue("image_id"), r.PathValue("tag"))
}

func (h handler) deactivate(r *httpapi.Request) (any, error) {
	return nil, h.images.Deactivate(r.Ctx(), r.PathValue("image_id"))
}

func (h handler) reactivate(r *httpapi.Request) (any, error) {
	return nil, h.images.Reactivate(r.Ctx(), r.PathValue("image_id"))
}
