// Package metadata serves what guests may read about themselves at
// 169.254.169.254. Who asks is the source address of the connection and
// nothing in the request: the network guarantees it (see the package linuxnet).
package metadata

import (
	"errors"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Find gives the files of whoever has an address, by their paths below the
// root, and false for an address of nobody.
type Find func(address netip.Addr) (files map[string][]byte, ok bool)

// Server answers on one listener until it is closed.
type Server struct {
	http *http.Server
	done chan struct{}
}

// Serve starts to answer on a listener, which is the server's from now on.
func Serve(l net.Listener, find Find, logger *slog.Logger) *Server {
	s := &Server{done: make(chan struct{}), http: &http.Server{
		Handler:           Handler(find),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       10 * time.Second,
		MaxHeaderBytes:    8 << 10,
		ErrorLog:          log.New(quiet{}, "", 0), // guests cause these errors
	}}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(limit(l, perGuest)); !errors.Is(err, http.ErrServerClosed) {
			logger.Warn("metadata ends on a network", "error", err)
		}
	}()
	return s
}

type quiet struct{}

func (quiet) Write(p []byte) (int, error) { return len(p), nil }

// Close ends the server and all its connections.
func (s *Server) Close() error {
	err := s.http.Close()
	<-s.done
	return err
}

// Handler answers GET and HEAD of the files; all else is not found.
func Handler(find Find) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil || (r.Method != http.MethodGet && r.Method != http.MethodHead) {
			http.NotFound(w, r)
			return
		}
		files, ok := find(from.Addr().Unmap())
		if !ok {
			http.NotFound(w, r)
			return
		}
		body, kind, ok := answer(files, r.URL.Path)
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		if r.Method == http.MethodGet {
			w.Write(body) //nolint:errcheck // the guest went away
		}
	})
}

const text = "text/plain; charset=UTF-8"

// answer gives the file at a path, or the names in the folder at it. A file
// whose name ends with a slash is what the folder's listing says instead.
func answer(files map[string][]byte, at string) (body []byte, kind string, ok bool) {
	name := strings.Trim(path.Clean("/"+at), "/")
	for _, key := range []string{name, name + "/"} {
		if body, ok := files[key]; ok {
			return body, kindOf(name), true
		}
	}
	names := list(files, name)
	if names == nil {
		return nil, "", false
	}
	return []byte(strings.Join(names, "\n")), text, true
}

func kindOf(name string) string {
	if strings.HasSuffix(name, ".json") {
		return "application/json"
	}
	return text
}

// list gives the names in a folder. A folder's name ends with a slash below
// the EC2 versions, as their clients expect, and does not at the top and in
// /openstack.
func list(files map[string][]byte, folder string) []string {
	prefix := ""
	if folder != "" {
		prefix = folder + "/"
	}
	slash := "/"
	if top, _, _ := strings.Cut(folder, "/"); top == "" || top == "openstack" {
		slash = ""
	}
	var names []string
	for file := range files {
		rest, is := strings.CutPrefix(file, prefix)
		if !is || rest == "" {
			continue
		}
		name, _, deeper := strings.Cut(rest, "/")
		if deeper {
			name += slash
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
