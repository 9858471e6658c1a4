package cloud

import (
	"net/http"
	"strings"

	"github.com/cumulite/cumulite/cloud/cloudapi"
	"github.com/cumulite/cumulite/compute/computeapi"
	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/identity/identityapi"
	"github.com/cumulite/cumulite/image/imageapi"
	"github.com/cumulite/cumulite/network/networkapi"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/httpapi/openapi"
)

// The prefixes are those of current installations of the original.
const (
	identityPrefix = "/identity"
	imagePrefix    = "/image"
	networkPrefix  = "/networking"
	computePrefix  = "/compute"
	cloudPrefix    = "/cumulite" // ours
)

// catalogue is what clients find in their tokens. They append the version
// themselves, but for compute's.
func (c *Cloud) catalogue() []identity.BootstrapService {
	service := func(typ, name, description, path string) identity.BootstrapService {
		url := strings.TrimSuffix(c.o.PublicURL, "/") + path
		return identity.BootstrapService{Type: typ, Name: name, Description: description, Public: url, Internal: url, Admin: url}
	}
	return []identity.BootstrapService{
		service("identity", "keystone", "Identity", identityPrefix),
		service("image", "glance", "Images", imagePrefix),
		service("network", "neutron", "Networking", networkPrefix),
		service("compute", "nova", "Compute", computePrefix+"/v2.1"),
	}
}

// newHandler mounts the services' APIs.
func (c *Cloud) newHandler() (http.Handler, error) {
	apis := prefixes{}
	for prefix, open := range map[string]func(httpapi.Config) (*httpapi.API, error){
		identityPrefix: func(cfg httpapi.Config) (*httpapi.API, error) { return identityapi.New(c.Identity, cfg) },
		imagePrefix:    func(cfg httpapi.Config) (*httpapi.API, error) { return imageapi.New(c.Image, cfg) },
		networkPrefix:  func(cfg httpapi.Config) (*httpapi.API, error) { return networkapi.New(c.Network, cfg) },
		computePrefix:  func(cfg httpapi.Config) (*httpapi.API, error) { return computeapi.New(c.Compute, cfg) },
		cloudPrefix:    func(cfg httpapi.Config) (*httpapi.API, error) { return cloudapi.New(c.Examine, c.o.Policy, cfg) },
	} {
		url := strings.TrimSuffix(c.o.PublicURL, "/")
		api, err := open(httpapi.Config{Prefix: prefix, PublicURL: url, IdentityURL: url + identityPrefix, Verifier: c.Identity,
			OpenAPI: openapi.Document, Logger: c.o.Logger, Metrics: c.o.Metrics, Clock: c.o.Clock})
		if err != nil {
			return nil, err
		}
		apis[prefix] = api
	}
	return apis, nil
}

// prefixes finds the handler by the first part of the path. Unlike ServeMux it
// leaves paths as they are.
type prefixes map[string]http.Handler

// ServeHTTP implements http.Handler.
func (p prefixes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if h := p["/"+first]; h != nil {
		h.ServeHTTP(w, r)
		return
	}
	http.NotFound(w, r)
}
