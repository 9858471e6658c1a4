package imageapi

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/cumulite/cumulite/image"
	"github.com/cumulite/cumulite/platform/errs"
)

// draftPatch is the media type of JSON patches as the standard's first drafts had them.
const draftPatch = "application/openstack-images-v2.0-json-patch"

// change is one operation of a JSON patch. In a draft its path is the value of
// what it does, {"replace": "/name", "value": "x"}.
type change struct {
	Op      string `json:"op" api:"enum=add|replace|remove"`
	Path    string `json:"path"`
	Value   any    `json:"value"`
	Add     string `json:"add"`
	Replace string `json:"replace"`
	Remove  string `json:"remove"`
}

// plain tells whether c is of the standard's form.
func (c change) plain() bool { return c.Op != "" && c.Path != "" && c.Add+c.Replace+c.Remove == "" }

// fromDraft gives c the standard's form; what does several things, or nothing, stays as it is.
func (c *change) fromDraft() {
	for op, path := range map[string]string{"add": c.Add, "replace": c.Replace, "remove": c.Remove} {
		if plain := (change{Op: op, Path: path, Value: c.Value}); c.Op+c.Path == "" && c.Add+c.Replace+c.Remove == path && path != "" {
			*c = plain
			return
		}
	}
	*c = change{}
}

// patch turns a JSON patch of i into an update. An attribute of the image can
// only be replaced, a property also added and removed.
func patch(i *image.Image, changes []change) (in image.UpdateImage, err error) {
	for _, c := range changes {
		if !c.plain() {
			return in, errs.Invalidf("An operation of a patch is one of add, replace and remove, with the path of what it changes.")
		}
		name, err := attribute(c.Path)
		if err != nil {
			return in, err
		}
		if setter, is := attributes[name]; is {
			err = c.set(name, func(value []byte) error { return setter(&in, value) })
		} else {
			err = c.property(i, &in, name)
		}
		if err != nil {
			return in, err
		}
	}
	return in, nil
}

// attribute gives the name that a JSON pointer points to; "~1" stands for "/" and "~0" for "~".
func attribute(path string) (string, error) {
	name, is := strings.CutPrefix(path, "/")
	if !is || name == "" || strings.Contains(name, "/") {
		return "", errs.Invalidf("Invalid JSON pointer for this resource: '%s'", path)
	}
	return strings.ReplaceAll(strings.ReplaceAll(name, "~1", "/"), "~0", "~"), nil
}

// set calls setter with the value as JSON.
func (c change) set(name string, setter func([]byte) error) error {
	if c.Op == "remove" {
		return errs.Forbiddenf("Property %s may not be removed.", name)
	}
	value, err := json.Marshal(c.Value)
	if err != nil {
		return err
	}
	if err := setter(value); err != nil {
		return errs.Invalidf("Invalid value '%v' for attribute '%s'", c.Value, name)
	}
	return nil
}

// property changes a property of the image, as far as the patch has changed it already.
func (c change) property(i *image.Image, in *image.UpdateImage, name string) error {
	_, there := i.Properties[name]
	if _, set := in.Set[name]; set {
		there = true
	}
	if c.Op != "add" && !there {
		return errs.Conflictf("Property %s does not exist.", name)
	}
	if c.Op == "remove" {
		delete(in.Set, name)
		in.Unset = append(in.Unset, name)
		return nil
	}
	value, is := c.Value.(string)
	if !is {
		return errs.Invalidf("Invalid value '%v' for property '%s': it is not a string", c.Value, name)
	}
	if in.Set == nil {
		in.Set = map[string]string{}
	}
	in.Set[name] = value
	return nil
}

// attributes are the image's own that a user may replace.
var attributes = map[string]func(in *image.UpdateImage, value []byte) error{
	"name":             func(in *image.UpdateImage, v []byte) error { return into(&in.Name, v) },
	"owner":            func(in *image.UpdateImage, v []byte) error { return into(&in.Owner, v) },
	"visibility":       func(in *image.UpdateImage, v []byte) error { return into(&in.Visibility, v) },
	"protected":        func(in *image.UpdateImage, v []byte) error { return into(&in.Protected, v) },
	"os_hidden":        func(in *image.UpdateImage, v []byte) error { return into(&in.Hidden, v) },
	"disk_format":      func(in *image.UpdateImage, v []byte) error { return into(&in.DiskFormat, v) },
	"container_format": func(in *image.UpdateImage, v []byte) error { return into(&in.ContainerFormat, v) },
	"min_disk":         func(in *image.UpdateImage, v []byte) error { return into(&in.MinDisk, v) },
	"min_ram":          func(in *image.UpdateImage, v []byte) error { return into(&in.MinRAM, v) },
	"tags":             func(in *image.UpdateImage, v []byte) error { return into(&in.Tags, v) },
}

// into decodes a value for *to. Null is a value of pointers only.
func into[T any](to **T, value []byte) error {
	out := new(T)
	if _, pointer := any(out).(**string); !pointer && string(value) == "null" {
		return fmt.Errorf("null")
	}
	if err := json.Unmarshal(value, out); err != nil {
		return err
	}
	*to = out
	return nil
}
