// Package discovery writes the version documents by which clients find out
// what a service speaks: what its prefix answers, and its versioned root.
package discovery

import (
	"maps"
	"net/http"
	"slices"

	"github.com/cumulite/cumulite/platform/httpapi/microversion"
)

// Place is where a service is served.
type Place struct {
	URL     string            // public, with the prefix: "https://cloud.example/compute"
	Root    string            // the versioned root below: "/v2.1"
	OldRoot string            // the root of the version before, "" without one
	Set     *microversion.Set // nil without microversions, which Nova always has
}

// Document is the version documents of one service, in its original's form.
// A nil function serves none.
type Document struct {
	List     func(Place) (status int, body any) // of the prefix
	Versions func(Place) (status int, body any) // of /versions below it
	Show     func(Place) (status int, body any) // of the versioned root
	ShowOld  func(Place) (status int, body any) // of the old root
}

type object = map[string]any

func links(href string) []object { return []object{{"rel": "self", "href": href}} }

func mediaTypes(typ string) []object { return []object{{"base": "application/json", "type": typ}} }

// Nova gives compute's documents; id is "v2.1". The version before is v2.0,
// where it is served.
func Nova(id, updated, mediaType string) *Document {
	entry := func(p Place) object {
		return object{"id": id, "status": "CURRENT", "version": p.Set.Max.String(), "min_version": p.Set.Min.String(), "updated": updated, "links": links(p.URL + p.Root + "/")}
	}
	old := func(p Place) object {
		return object{"id": "v2.0", "status": "SUPPORTED", "version": "", "min_version": "", "updated": "2011-01-21T11:33:21Z", "links": links(p.URL + p.OldRoot + "/")}
	}
	whole := func(v object, mediaType string) (int, any) {
		v["links"] = append(v["links"].([]object), object{"rel": "describedby", "type": "text/html", "href": "http://docs.openstack.org/"})
		v["media-types"] = mediaTypes(mediaType)
		return http.StatusOK, object{"version": v}
	}
	return &Document{
		List: func(p Place) (int, any) {
			list := []object{entry(p)}
			if p.OldRoot != "" {
				list = []object{old(p), entry(p)}
			}
			return http.StatusOK, object{"versions": list}
		},
		Show:    func(p Place) (int, any) { return whole(entry(p), mediaType) },
		ShowOld: func(p Place) (int, any) { return whole(old(p), "application/vnd.openstack.compute+json;version=2") },
	}
}

// Keystone gives identity's documents; id is "v3.14".
func Keystone(id, updated, mediaType string) *Document {
	entry := func(p Place) object {
		return object{"id": id, "status": "stable", "updated": updated, "links": links(p.URL + p.Root + "/"), "media-types": mediaTypes(mediaType)}
	}
	return &Document{
		List: func(p Place) (int, any) {
			return http.StatusMultipleChoices, object{"versions": object{"values": []object{entry(p)}}}
		},
		Show: func(p Place) (int, any) { return http.StatusOK, object{"version": entry(p)} },
	}
}

// Glance gives image's documents: the current version and the older ones it
// still speaks, the newest first, all under one root.
func Glance(id string, older ...string) *Document {
	list := func(p Place) object {
		all := []object{{"id": id, "status": "CURRENT", "links": links(p.URL + p.Root + "/")}}
		for _, o := range older {
			all = append(all, object{"id": o, "status": "SUPPORTED", "links": links(p.URL + p.Root + "/")})
		}
		return object{"versions": all}
	}
	choices := func(p Place) (int, any) { return http.StatusMultipleChoices, list(p) }
	return &Document{List: choices, Show: choices, Versions: func(p Place) (int, any) { return http.StatusOK, list(p) }}
}

// Neutron gives network's documents; its root shows the core resources, by
// name with the name of their collection.
func Neutron(id string, resources map[string]string) *Document {
	return &Document{
		List: func(p Place) (int, any) {
			return http.StatusOK, object{"versions": []object{{"id": id, "status": "CURRENT", "links": links(p.URL + p.Root + "/")}}}
		},
		Show: func(p Place) (int, any) {
			list := []object{}
			for _, name := range slices.Sorted(maps.Keys(resources)) {
				c := resources[name]
				list = append(list, object{"name": name, "collection": c, "links": links(p.URL + p.Root + "/" + c)})
			}
			return http.StatusOK, object{"resources": list}
		},
	}
}
