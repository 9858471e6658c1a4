// Package fleetapi is what controllers answer to hosts over HTTPS: the join,
// and the bytes of images. All else goes through the connection that a host
// keeps. Its listener asks for the certificates of hosts; see fleet.Listener.
package fleetapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cumulite/cumulite/cloud/fleet"
	"github.com/cumulite/cumulite/cloud/fleet/join"
	"github.com/cumulite/cumulite/platform/clock"
	"github.com/cumulite/cumulite/platform/errs"
)

const (
	maxRequest = 64 << 10
	joinTime   = 30 * time.Second
	stallTime  = time.Minute // how long a download may stand still
	chunk      = 256 << 10
)

// New gives the handler for hosts.
func New(f *fleet.Fleet, logger *slog.Logger) http.Handler {
	h := handler{f, logger, clock.System()}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+join.Path, h.answer(h.join))
	mux.HandleFunc("GET "+join.ImagesPath+"{id}", h.answer(h.image))
	return mux
}

type handler struct {
	fleet *fleet.Fleet
	log   *slog.Logger
	clk   clock.Clock // of sockets: the real one
}

// statuses are those of the errors that there are here; others are 500.
var statuses = map[errs.Kind]int{errs.Invalid: 400, errs.Unauthenticated: 401, errs.Forbidden: 403, errs.NotFound: 404, errs.Conflict: 409, errs.Unavailable: 503}

// answer makes a failure the answer. What is internal is not shown.
func (h handler) answer(fn func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := fn(w, r)
		if err == nil {
			return
		}
		h.log.Warn("a host was refused", "path", r.URL.Path, "from", r.RemoteAddr, "error", err)
		status, known := statuses[errs.KindOf(err)]
		if !known {
			status = http.StatusInternalServerError
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(join.Failure{Kind: errs.KindOf(err), Message: errs.Message(err)}) // a peer that went away
	}
}

func (h handler) join(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), joinTime)
	defer cancel()
	var in join.Request
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest)).Decode(&in); err != nil {
		return errs.Invalidf("This is no request to join.").Because(err)
	}
	out, err := h.fleet.Join(ctx, in)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(out)
}

// hostOf is the host whose certificate the caller has. The listener has
// checked that it is one of the authority's, which gives each one name.
func hostOf(r *http.Request) (string, error) {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 || len(r.TLS.PeerCertificates[0].DNSNames) != 1 {
		return "", errs.New(errs.Unauthenticated, "Show the certificate of a host.")
	}
	return r.TLS.PeerCertificates[0].DNSNames[0], nil
}

func (h handler) image(w http.ResponseWriter, r *http.Request) error {
	host, err := hostOf(r)
	if err != nil {
		return err
	}
	offset, err := offsetOf(r.Header.Get("Range"))
	if err != nil {
		return err
	}
	size, body, err := h.fleet.Bytes(r.Context(), host, r.PathValue("id"), r.URL.Query(), offset)
	if err != nil {
		return err
	}
	defer body.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(size-offset, 10))
	if offset > 0 {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", offset, size-1, size))
		w.WriteHeader(http.StatusPartialContent)
	}
	if err := h.copyChunks(w, body, size-offset); err != nil && r.Context().Err() == nil {
		h.log.Warn("an image was not read to its end by a host", "image", r.PathValue("id"), "host", host, "error", err)
	}
	return nil // the answer has begun; its length says whether it is whole
}

// offsetOf reads "bytes=N-", the one range that hosts ask for.
func offsetOf(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	from, is := strings.CutPrefix(text, "bytes=")
	from, open := strings.CutSuffix(from, "-")
	offset, err := strconv.ParseInt(from, 10, 64)
	if !is || !open || err != nil || offset < 0 {
		return 0, errs.Invalidf("The range is not of the form bytes=N-.")
	}
	return offset, nil
}

// copyChunks sends n bytes, as long as they take but never standing still.
func (h handler) copyChunks(w http.ResponseWriter, r io.Reader, n int64) error {
	c := http.NewResponseController(w)
	for n > 0 {
		if err := c.SetWriteDeadline(h.clk.Now().Add(stallTime)); err != nil {
			return err
		}
		sent, err := io.CopyN(w, r, min(n, chunk))
		if err != nil {
			return err
		}
		n -= sent
	}
	return nil
}
