// Package imagetest is the suite that every image.Store passes. Each case
// says which sentence of the contract it holds. It drives the service over
// the store, since only the service can make an image.Verified.
package imagetest

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // what Glance calls the checksum
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"io"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/image"
	"github.com/cumulite/cumulite/platform/auth"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/event"
	"github.com/cumulite/cumulite/platform/quota"
	"github.com/cumulite/cumulite/platform/store/storetest"
)

// Harness is a store under test: empty at first.
type Harness struct {
	Store  image.Store
	Reopen func() image.Store // the same bytes, as another process finds them
}

// Run runs the suite.
func Run(t *testing.T, fresh func(t *testing.T) Harness) {
	for name, test := range map[string]func(t *testing.T, w *World){
		"BytesComeBackWhole":          bytesComeBackWhole,
		"ReadingBeginsAtTheOffset":    readingBeginsAtTheOffset,
		"AFailedUploadLeavesNothing":  failedUploadLeavesNothing,
		"AnObjectIsWrittenOnce":       objectIsWrittenOnce,
		"MissingObjects":              missingObjects,
		"AReaderOutlivesTheDelete":    readerOutlivesDelete,
		"WhatWasStagedByADeadProcess": stagedByDeadProcess,
		"CommitTakesOnlyItsOwnBytes":  commitTakesOnlyItsOwnBytes,
		"BytesOfNoImageAreRemoved":    orphansAreRemoved,
	} {
		t.Run(name, func(t *testing.T) { test(t, NewWorld(t, fresh(t))) })
	}
}

// World is a service over a store, with a caller who is a member of project "p1".
type World struct {
	Harness
	Ctx    context.Context
	Images *image.Service
	Clock  *clock.Manual
	Deps   image.Deps
}

// NewWorld makes a World on a harness.
func NewWorld(t *testing.T, h Harness) *World {
	db := storetest.Open(t, event.Migrations(), quota.Migrations(), image.Migrations())
	clk := clock.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	w := &World{Harness: h, Ctx: As(t.Context(), "p1", "member", "reader"), Clock: clk,
		Deps: image.Deps{DB: db, Clock: clk, Events: event.New(db, clk, nil), Store: h.Store}}
	var err error
	w.Images, err = image.New(w.Deps, &image.Options{MaxSize: 8 << 20})
	require.NoError(t, err)
	require.NoError(t, w.Images.Recover(t.Context()))
	return w
}

// As gives a context whose caller has these roles on a project.
func As(ctx context.Context, project string, roles ...string) context.Context {
	c := auth.Claims{User: auth.Ref{ID: "user-of-" + project}, Project: auth.Ref{ID: project}, Domain: auth.Ref{ID: "default"}}
	for _, r := range roles {
		c.Roles = append(c.Roles, auth.Ref{ID: r, Name: r})
	}
	return auth.With(ctx, auth.Authenticated(c))
}

// Create makes a raw image without bytes.
func (w *World) Create(t *testing.T) *image.Image {
	i, err := w.Images.CreateImage(w.Ctx, image.CreateImage{DiskFormat: "raw", ContainerFormat: "bare"})
	require.NoError(t, err)
	return i
}

// Disk gives n bytes that are a raw disk and nothing else.
func Disk(n int) []byte {
	disk := make([]byte, n)
	for i := 512; i < n; i++ {
		disk[i] = byte(i * 7)
	}
	return disk
}

func (w *World) read(t *testing.T, id string, offset int64) []byte {
	v, err := w.Images.Verified(w.Ctx, id)
	require.NoError(t, err)
	r, err := w.Images.Open(w.Ctx, v, offset)
	require.NoError(t, err)
	defer r.Close()
	b, err := io.ReadAll(r)
	require.NoError(t, err)
	return b
}

func bytesComeBackWhole(t *testing.T, w *World) {
	disk, i := Disk(3<<20+17), w.Create(t)
	require.NoError(t, w.Images.Upload(w.Ctx, i.ID, bytes.NewReader(disk)))
	require.Equal(t, disk, w.read(t, i.ID, 0), "what was committed is there, whole")
	v, err := w.Images.Verified(w.Ctx, i.ID)
	require.NoError(t, err)
	sum, long := md5.Sum(disk), sha512.Sum512(disk) //nolint:gosec // see above
	require.Equal(t, hex.EncodeToString(sum[:]), v.Checksum())
	require.Equal(t, hex.EncodeToString(long[:]), v.Hash())
	require.Equal(t, int64(len(disk)), v.Size())
	require.Equal(t, "raw", v.Format())
	r, err := w.Reopen().Open(w.Ctx, i.ID, 0)
	require.NoError(t, err)
	defer r.Close()
	again, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, disk, again, "and another process finds it")
}

func readingBeginsAtTheOffset(t *testing.T, w *World) {
	disk, i := Disk(10_000), w.Create(t)
	require.NoError(t, w.Images.Upload(w.Ctx, i.ID, bytes.NewReader(disk)))
	require.Equal(t, disk[4096:], w.read(t, i.ID, 4096))
	require.Empty(t, w.read(t, i.ID, 10_000))
}

func failedUploadLeavesNothing(t *testing.T, w *World) {
	i := w.Create(t)
	broken := iotest.ErrReader(errors.New("the client is gone"))
	require.Error(t, w.Images.Upload(w.Ctx, i.ID, io.MultiReader(bytes.NewReader(Disk(1<<20)), broken)))
	objects, err := w.Store.Objects(w.Ctx)
	require.NoError(t, err)
	require.Empty(t, objects, "what was staged and not committed is not there")
	require.NoError(t, w.Images.Upload(w.Ctx, i.ID, bytes.NewReader(Disk(600))), "and the image takes another upload")
}

func objectIsWrittenOnce(t *testing.T, w *World) {
	disk, i := Disk(1000), w.Create(t)
	require.NoError(t, w.Images.Upload(w.Ctx, i.ID, bytes.NewReader(disk)))
	v, err := w.Images.Verified(w.Ctx, i.ID)
	require.NoError(t, err)
	second, err := w.Store.Stage(w.Ctx, i.ID)
	require.NoError(t, err)
	_, err = second.Write(bytes.Repeat([]byte{'x'}, len(disk)))
	require.NoError(t, err)
	require.Equal(t, errs.Conflict, errs.KindOf(second.Commit(w.Ctx, v)))
	second.Abort()
	require.Equal(t, disk, w.read(t, i.ID, 0), "the older object stays")
}

func missingObjects(t *testing.T, w *World) {
	id := uuid.NewString()
	_, err := w.Store.Open(w.Ctx, id, 0)
	require.Equal(t, errs.NotFound, errs.KindOf(err))
	require.NoError(t, w.Store.Delete(w.Ctx, id))
	for _, odd := range []string{"", "..", "../../etc/passwd", "a/b"} {
		_, err := w.Store.Open(w.Ctx, odd, 0)
		require.Error(t, err, odd)
		require.Error(t, w.Store.Delete(w.Ctx, odd), odd)
		_, err = w.Store.Stage(w.Ctx, odd)
		require.Error(t, err, odd)
	}
}

func readerOutlivesDelete(t *testing.T, w *World) {
	disk, i := Disk(1<<20), w.Create(t)
	require.NoError(t, w.Images.Upload(w.Ctx, i.ID, bytes.NewReader(disk)))
	v, err := w.Images.Verified(w.Ctx, i.ID)
	require.NoError(t, err)
	r, err := w.Images.Open(w.Ctx, v, 0)
	require.NoError(t, err)
	defer r.Close()
	require.NoError(t, w.Images.DeleteImage(w.Ctx, i.ID))
	got, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, disk, got)
	_, err = w.Store.Open(w.Ctx, i.ID, 0)
	require.Equal(t, errs.NotFound, errs.KindOf(err), "a deleted object is not there")
}

func stagedByDeadProcess(t *testing.T, w *World) {
	s, err := w.Store.Stage(w.Ctx, uuid.NewString())
	require.NoError(t, err)
	_, err = s.Write(Disk(1000))
	require.NoError(t, err)
	next := w.Reopen()
	require.NoError(t, next.Sweep(w.Ctx))
	require.NoError(t, next.Sweep(w.Ctx))
	objects, err := next.Objects(w.Ctx)
	require.NoError(t, err)
	require.Empty(t, objects)
}

func commitTakesOnlyItsOwnBytes(t *testing.T, w *World) {
	i := w.Create(t)
	require.NoError(t, w.Images.Upload(w.Ctx, i.ID, bytes.NewReader(Disk(1000))))
	v, err := w.Images.Verified(w.Ctx, i.ID)
	require.NoError(t, err)
	other, err := w.Store.Stage(w.Ctx, uuid.NewString())
	require.NoError(t, err)
	_, err = other.Write(Disk(1000))
	require.NoError(t, err)
	require.Error(t, other.Commit(w.Ctx, v), "Commit takes only bytes that were verified")
	other.Abort()
	require.Error(t, other.Commit(w.Ctx, image.Verified{}), "the zero Verified stands for nothing")
}

func orphansAreRemoved(t *testing.T, w *World) {
	i := w.Create(t)
	require.NoError(t, w.Images.Upload(w.Ctx, i.ID, bytes.NewReader(Disk(1000))))
	fresh := NewWorld(t, Harness{Store: w.Reopen(), Reopen: w.Reopen}) // a database without that image
	objects, err := fresh.Store.Objects(w.Ctx)
	require.NoError(t, err)
	require.Empty(t, objects, "Recover removes bytes that no image has")
}
