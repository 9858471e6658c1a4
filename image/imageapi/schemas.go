package imageapi

import (
	"maps"

	"github.com/cumulite/cumulite/image"
	"github.com/cumulite/cumulite/platform/httpapi"
)

// document is a JSON schema by its keywords.
type document = map[string]any

func (h handler) schemaRows() []httpapi.Route {
	give := func(d document) func(*httpapi.Request) (any, error) {
		return func(*httpapi.Request) (any, error) { return d, nil }
	}
	return []httpapi.Route{
		{Method: "GET", Pattern: "/schemas/image", Action: httpapi.Authenticated, Response: document{}, Handle: give(imageSchema())},
		{Method: "GET", Pattern: "/schemas/images", Action: httpapi.Authenticated, Response: document{}, Handle: give(imagesSchema())},
	}
}

// imageSchema describes an image, for clients that make their forms and checks
// of it (glanceclient).
func imageSchema() document {
	return document{
		"name": "image", "properties": imageProperties(), "additionalProperties": document{"type": "string"},
		"links": []document{{"rel": "self", "href": "{self}"}, {"rel": "enclosure", "href": "{file}"}, {"rel": "describedby", "href": "{schema}"}},
	}
}

func imageProperties() document {
	out := document{
		"id":               document{"type": "string", "pattern": uuidPattern, "description": "Identifies the image"},
		"name":             document{"type": nullable("string"), "maxLength": 255, "description": "Name of the image"},
		"owner":            document{"type": nullable("string"), "maxLength": 255, "description": "Project that owns the image"},
		"visibility":       document{"type": "string", "enum": []string{"community", "public", "private", "shared"}, "description": "Who sees the image"},
		"protected":        document{"type": "boolean", "description": "Whether the image is kept from being deleted"},
		"os_hidden":        document{"type": "boolean", "description": "Whether lists leave the image out"},
		"disk_format":      document{"type": nullable("string"), "enum": orNull(image.DiskFormats), "description": "Format of the disk"},
		"container_format": document{"type": nullable("string"), "enum": orNull(image.ContainerFormats), "description": "Format of what is around the disk"},
		"min_disk":         document{"type": "integer", "description": "GiB of disk that booting needs"},
		"min_ram":          document{"type": "integer", "description": "MiB of memory that booting needs"},
		"tags":             document{"type": "array", "items": document{"type": "string", "maxLength": 255}, "description": "Labels of the image"},
	}
	maps.Copy(out, madeProperties())
	return out
}

// madeProperties are those that Glance itself sets.
func madeProperties() document {
	made := func(typ any, description string) document {
		return document{"type": typ, "readOnly": true, "description": description}
	}
	out := document{
		"size": made(nullable("integer"), "Bytes of the image"), "virtual_size": made(nullable("integer"), "Bytes of the disk that a guest sees"),
		"checksum": made(nullable("string"), "MD5 of the bytes"), "os_hash_algo": made(nullable("string"), "Algorithm of os_hash_value"),
		"os_hash_value": made(nullable("string"), "Hash of the bytes"), "created_at": made("string", "When the image was made"),
		"updated_at": made("string", "When the image was last changed"), "self": made("string", "Path of the image"),
		"file": made("string", "Path of the bytes"), "schema": made("string", "Path of this schema"), "status": made("string", "Where the image stands"),
	}
	out["status"].(document)["enum"] = []image.Status{image.Queued, image.Saving, image.Active, image.Deactivated}
	return out
}

// imagesSchema describes a page of images.
func imagesSchema() document {
	text := document{"type": "string"}
	return document{
		"name":       "images",
		"properties": document{"images": document{"type": "array", "items": imageSchema()}, "schema": text, "next": text, "first": text},
		"links":      []document{{"rel": "first", "href": "{first}"}, {"rel": "next", "href": "{next}"}, {"rel": "describedby", "href": "{schema}"}},
	}
}

const uuidPattern = "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$"

func nullable(typ string) []string { return []string{"null", typ} }

// orNull gives the values of an attribute that may be null too.
func orNull(values []string) []any {
	out := []any{nil}
	for _, v := range values {
		out = append(out, v)
	}
	return out
}
