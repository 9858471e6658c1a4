package imageapi

import (
	"cmp"
	"time"

	"github.com/cumulite/cumulite/image"
)

// newImage is the body of POST /images: names of its own, and properties beside them.
type newImage struct {
	ID              string            `json:"id" api:"format=uuid"`
	Name            *string           `json:"name" api:"nullable,max=255"`
	Owner           *string           `json:"owner" api:"nullable,max=255"`
	Visibility      string            `json:"visibility" api:"enum=community|public|private|shared"`
	Protected       bool              `json:"protected"`
	Hidden          bool              `json:"os_hidden"`
	DiskFormat      *string           `json:"disk_format" api:"nullable"`
	ContainerFormat *string           `json:"container_format" api:"nullable"`
	MinDisk         int64             `json:"min_disk" api:"min=0,max=2147483647"`
	MinRAM          int64             `json:"min_ram" api:"min=0,max=2147483647"`
	Tags            []string          `json:"tags"`
	Properties      map[string]string `json:"-" api:"inline"`
}

func (in *newImage) domain() image.CreateImage {
	return image.CreateImage{ID: in.ID, Name: in.Name, Owner: deref(in.Owner), Visibility: image.Visibility(in.Visibility),
		Protected: in.Protected, Hidden: in.Hidden, DiskFormat: deref(in.DiskFormat), ContainerFormat: deref(in.ContainerFormat),
		MinDisk: in.MinDisk, MinRAM: in.MinRAM, Tags: in.Tags, Properties: in.Properties}
}

// imageBody is an image as every answer shows it.
type imageBody struct {
	ID              string            `json:"id"`
	Name            *string           `json:"name"`
	Status          string            `json:"status"`
	Visibility      string            `json:"visibility"`
	Protected       bool              `json:"protected"`
	Hidden          bool              `json:"os_hidden"`
	Owner           *string           `json:"owner"`
	DiskFormat      *string           `json:"disk_format"`
	ContainerFormat *string           `json:"container_format"`
	MinDisk         int64             `json:"min_disk"`
	MinRAM          int64             `json:"min_ram"`
	Size            *int64            `json:"size"`
	VirtualSize     *int64            `json:"virtual_size"`
	Checksum        *string           `json:"checksum"`
	HashAlgo        *string           `json:"os_hash_algo"`
	HashValue       *string           `json:"os_hash_value"`
	Tags            []string          `json:"tags"`
	CreatedAt       string            `json:"created_at"`
	UpdatedAt       string            `json:"updated_at"`
	Self            string            `json:"self"`
	File            string            `json:"file"`
	Schema          string            `json:"schema"`
	Properties      map[string]string `json:"-" api:"inline"`
}

type imageList struct {
	Images []imageBody `json:"images"`
	First  string      `json:"first"`
	Next   string      `json:"next,omitempty"`
	Schema string      `json:"schema"`
}

func show(i *image.Image) imageBody {
	out := imageBody{ID: i.ID, Name: i.Name, Status: string(i.Status), Visibility: string(i.Visibility), Protected: i.Protected, Hidden: i.Hidden,
		Owner: ref(i.Owner), DiskFormat: ref(i.DiskFormat), ContainerFormat: ref(i.ContainerFormat), MinDisk: i.MinDisk, MinRAM: i.MinRAM,
		Size: i.Size, VirtualSize: i.VirtualSize, Checksum: ref(i.Checksum), HashValue: ref(i.HashValue), Tags: i.Tags,
		CreatedAt: i.CreatedAt.Format(time.RFC3339), UpdatedAt: i.UpdatedAt.Format(time.RFC3339),
		Self: "/v2/images/" + i.ID, File: "/v2/images/" + i.ID + "/file", Schema: "/v2/schemas/image", Properties: i.Properties}
	if i.HashValue != "" {
		out.HashAlgo = ref(image.HashAlgo)
	}
	if out.Tags == nil {
		out.Tags = []string{}
	}
	return out
}

// ref gives nil for what is empty, which Glance shows as null.
func ref(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func deref(s *string) string { return *cmp.Or(s, new(string)) }
