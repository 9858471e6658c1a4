// Package stream answers requests with bytes and their ranges.
package stream

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// Stream is an answer of bytes. Ranges (206, 416) are served by opening it at
// an offset.
type Stream struct {
	Open func(ctx context.Context, offset int64) (io.ReadCloser, error)
	Size int64 // bytes
}

// Serve answers r. Unless a range is asked for, s is opened before anything is
// written, so that the error can still be answered as a fault.
func Serve(w http.ResponseWriter, r *http.Request, s Stream) error {
	src := &source{ctx: r.Context(), Stream: s}
	defer src.close()
	if r.Header.Get("Range") == "" && r.Method != http.MethodHead {
		if src.open(); src.err != nil {
			return src.err
		}
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", time.Time{}, src)
	return src.err
}

// source is a Stream as the io.ReadSeeker that http.ServeContent asks for; it
// is opened when it is first read.
type source struct {
	Stream
	ctx    context.Context
	offset int64 // where the next Read begins
	at     int64 // where body is
	body   io.ReadCloser
	err    error
}

// Seek implements io.Seeker.
func (s *source) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += s.offset
	case io.SeekEnd:
		offset += s.Size
	}
	if offset < 0 {
		return 0, errors.New("httpapi: seek before the start")
	}
	s.offset = offset
	return offset, nil
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	if s.err == nil && (s.body == nil || s.at != s.offset) {
		s.open()
	}
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.body.Read(p)
	s.at += int64(n)
	s.offset = s.at
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

func (s *source) open() {
	s.close()
	s.at = s.offset
	s.body, s.err = s.Stream.Open(s.ctx, s.offset)
}

func (s *source) close() {
	if s.body != nil {
		_ = s.body.Close() // it was only read
		s.body = nil
	}
}
