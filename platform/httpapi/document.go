package httpapi

import "net/http"

// Style names the original whose manners an API follows where originals
// differ: list parameters and version documents.
type Style uint8

// The styles.
const (
	Nova Style = iota
	Neutron
	Keystone
	Glance
	Placement
)

// Document describes a service's version documents: what the prefix answers,
// and the versioned root. Neither asks for a token.
type Document struct {
	Style     Style
	ID        string            // "v2.1", keystone "v3.14"
	Older     []string          // further ids under the same root, as image lists them: "v2.15"
	Status    string            // default "CURRENT", keystone "stable"
	Updated   string            // "2013-07-23T11:33:21Z", where the style shows it
	MediaType string            // "application/vnd.openstack.compute+json;version=2.1", where the style shows it
	Resources map[string]string // name → collection, shown by Neutron's versioned root
}

type object = map[string]any

// documents gives the rows of the version documents.
func (c Config) documents() []Route {
	d := c.Document
	if d == nil {
		return nil
	}
	rows := []Route{{Pattern: c.Prefix, Handle: c.list}}
	if c.Prefix == "" {
		rows[0].Pattern = "/{$}"
	}
	switch {
	case d.Style == Glance:
		explicit := func(r *Request) (any, error) { return object{"versions": c.versions()}, nil }
		rows = append(rows, Route{Pattern: c.Prefix + "/versions", Handle: explicit}, Route{Pattern: c.Prefix + c.Root, Handle: c.list})
	case c.Root != "":
		rows = append(rows, Route{Pattern: c.Prefix + c.Root, Handle: c.show})
	}
	for i := range rows {
		rows[i].Method, rows[i].Action, rows[i].unversioned = http.MethodGet, Public, true
	}
	return rows
}

// list answers the prefix: all versions.
func (c Config) list(r *Request) (any, error) {
	switch c.Document.Style {
	case Keystone:
		r.Status(http.StatusMultipleChoices)
		r.Header().Set("Location", r.URLFor("/"))
		return object{"versions": object{"values": c.versions()}}, nil
	case Glance:
		r.Status(http.StatusMultipleChoices)
	}
	return object{"versions": c.versions()}, nil
}

// show answers the versioned root.
func (c Config) show(r *Request) (any, error) {
	d := c.Document
	switch d.Style {
	case Neutron:
		resources := []object{}
		for name, collection := range d.Resources {
			resources = append(resources, object{"name": name, "collection": collection, "links": self(r.URLFor("/" + collection))})
		}
		return object{"resources": resources}, nil
	case Nova:
		v := c.versions()[0]
		v["links"] = append(self(r.URLFor("/")), object{"rel": "describedby", "type": "text/html", "href": "http://docs.openstack.org/"})
		v["media-types"] = c.mediaTypes()
		return object{"version": v}, nil
	}
	return object{"version": c.versions()[0]}, nil
}

// versions gives an entry for each id, the newest first.
func (c Config) versions() []object {
	d := c.Document
	status := d.Status
	if status == "" {
		status = "CURRENT"
	}
	first := object{"id": d.ID, "status": status, "links": self(c.PublicURL + c.Prefix + c.Root + "/")}
	switch d.Style {
	case Keystone:
		first["updated"], first["media-types"] = d.Updated, c.mediaTypes()
	case Nova:
		first["updated"], first["version"], first["min_version"] = d.Updated, "", ""
		if c.Versions != nil {
			first["version"], first["min_version"] = c.Versions.Max.String(), c.Versions.Min.String()
		}
	case Placement:
		first["links"] = self("")
		first["max_version"], first["min_version"] = c.Versions.Max.String(), c.Versions.Min.String()
	}
	list := []object{first}
	for _, id := range d.Older {
		list = append(list, object{"id": id, "status": "SUPPORTED", "links": first["links"]})
	}
	return list
}

func (c Config) mediaTypes() []object {
	return []object{{"base": "application/json", "type": c.Document.MediaType}}
}

func self(href string) []object { return []object{{"rel": "self", "href": href}} }
