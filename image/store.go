package image

import (
	"context"
	"io"
)

// Store is where the bytes of images live.
//
// Contract:
//
//   - Bytes are staged first and are an object only once Commit returned; then
//     they are on disk, whole, and survive a crash. What was staged and not
//     committed is not there, and is cleared away by the next Sweep at the latest.
//   - An object is written once. Commit of an id that is there already is an
//     errs.Conflict error, and the older object stays.
//   - Open and Delete of an object that is not there: errs.NotFound, and no error.
//   - A store that cannot be reached is errs.Unavailable, one that is full
//     errs.TooLarge; a full one leaves nothing of what it could not take.
//   - An object that is being read may be deleted; the reader reads on.
type Store interface {
	// Stage begins to take the bytes of object id.
	Stage(ctx context.Context, id string) (Staged, error)
	// Open reads an object from the byte at offset on.
	Open(ctx context.Context, id string, offset int64) (io.ReadCloser, error)
	// Delete takes an object away.
	Delete(ctx context.Context, id string) error
	// Objects gives the ids of all objects.
	Objects(ctx context.Context) ([]string, error)
	// Sweep clears away what was staged by a process that is no more. It is
	// called before anything is staged.
	Sweep(ctx context.Context) error
}

// Staged takes the bytes of one object to be. Exactly one of Commit and Abort
// ends it; Abort after either is harmless.
type Staged interface {
	io.Writer
	// Commit makes an object of what was written. It takes only bytes that were verified.
	Commit(ctx context.Context, v Verified) error
	// Abort forgets what was written.
	Abort()
}
