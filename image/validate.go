package image

import (
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/cumulite/cumulite/platform/errs"
)

// Formats that can be declared. Ploop is one of Glance's that no driver here
// boots; vhdx and vdi are inspected and stored.
var (
	DiskFormats      = []string{"ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso"}
	ContainerFormats = []string{"ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed"}
)

// What a user may at most write into one image.
const (
	maxName       = 255
	maxProperties = 128
	maxTags       = 128
)

// reserved are the property names that the image itself has, and those that only Glance's internals use.
var reserved = []string{"id", "owner", "status", "size", "virtual_size", "checksum", "os_hash_algo", "os_hash_value", "created_at", "updated_at",
	"schema", "self", "file", "direct_url", "location", "locations", "deleted", "deleted_at", "tags", "name", "visibility", "protected", "os_hidden", "disk_format", "container_format",
	"min_disk", "min_ram", "members", "stores"}

// reservedPrefix begins the names of properties that Glance's own tasks set.
const reservedPrefix = "os_glance"

// validate checks what a user said of i.
func (i *Image) validate() error {
	switch {
	case uuid.Validate(i.ID) != nil:
		return errs.Invalidf("Invalid image id format")
	case i.Name != nil && len([]rune(*i.Name)) > maxName:
		return errs.Invalidf("The name is longer than %d characters.", maxName)
	case i.DiskFormat != "" && !slices.Contains(DiskFormats, i.DiskFormat):
		return errs.Invalidf("Invalid disk format '%s' for image.", i.DiskFormat)
	case i.ContainerFormat != "" && !slices.Contains(ContainerFormats, i.ContainerFormat):
		return errs.Invalidf("Invalid container format '%s' for image.", i.ContainerFormat)
	case !slices.Contains(Visibilities(), string(i.Visibility)):
		return errs.Invalidf("Invalid visibility '%s' for image.", i.Visibility)
	case i.MinDisk < 0 || i.MinRAM < 0:
		return errs.Invalidf("min_disk and min_ram must not be negative.")
	case len(i.Properties) > maxProperties:
		return errs.New(errs.TooLarge, "The limit has been exceeded on the number of allowed image properties. Attempted: %d, Maximum: %d",
			len(i.Properties), maxProperties)
	case len(i.Tags) > maxTags:
		return errs.New(errs.TooLarge, "The limit has been exceeded on the number of allowed image tags. Attempted: %d, Maximum: %d", len(i.Tags), maxTags)
	}
	for name, value := range i.Properties {
		if err := validProperty(name, value); err != nil {
			return err
		}
	}
	for _, t := range i.Tags {
		if t == "" || len(t) > 255 || strings.ContainsRune(t, 0) {
			return errs.Invalidf("A tag has 1 to 255 characters.")
		}
	}
	return nil
}

func validProperty(name, value string) error {
	switch {
	case slices.Contains(reserved, name), strings.HasPrefix(name, reservedPrefix):
		return errs.Forbiddenf("Attribute '%s' is reserved.", name)
	case name == "" || len(name) > 255 || strings.ContainsRune(name, 0):
		return errs.Invalidf("A property's name has 1 to 255 characters.")
	case len(value) > 65535 || strings.ContainsRune(value, 0):
		return errs.Invalidf("The value of property '%s' is too long.", name)
	}
	return nil
}
