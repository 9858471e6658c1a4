package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
)

// movingBytes is the body of a Raw row's request. It lets body and answer take
// as long as they like, while some bytes move within the time of other requests.
type movingBytes struct {
	io.ReadCloser
	control *http.ResponseController // of a writer that may have no deadlines: tests'
	within  time.Duration
}

// soon is in the machine's time: deadlines of connections know no other.
func (m *movingBytes) soon() time.Time { return clock.System().Now().Add(m.within) }

// Read implements io.Reader.
func (m *movingBytes) Read(p []byte) (int, error) {
	_ = m.control.SetReadDeadline(m.soon())
	n, err := m.ReadCloser.Read(p)
	switch {
	case errors.Is(err, io.EOF): // the server reads on, to learn whether the caller leaves
		_ = m.control.SetReadDeadline(time.Time{})
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = context.DeadlineExceeded
	case err != nil:
		err = errs.Invalidf("The body ended before its time.").Because(err)
	}
	return n, err
}

// out is told of bytes that are about to be written.
func (m *movingBytes) out() { _ = m.control.SetWriteDeadline(m.soon()) }

// end sends what is still kept, and leaves the connection to its next request.
func (m *movingBytes) end() {
	m.out()
	_ = m.control.Flush()
	_ = m.control.SetWriteDeadline(time.Time{})
}
