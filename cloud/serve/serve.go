// Package serve puts a cloud's handler on a listener, and beside it, on an
// address of their own, /healthz and /metrics for those who operate it.
//
//	server, err := serve.Listen(ctx, serve.Options{Listen: "127.0.0.1:5000"})
//	err = server.Run(ctx, cloud.Handler()) // until ctx is done, then drains
//
// The listener is there before the cloud is: a daemon that listens on port 0
// learns its public URL first.
package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"github.com/cumulite/cumulite/platform/errs"
)

// Options say where and how to serve.
type Options struct {
	Listen   string // "127.0.0.1:5000"; port 0 is any that is free
	CertFile string // with KeyFile: TLS from version 1.2 on
	KeyFile  string
	// InsecureHTTP lets passwords and tokens travel unencrypted off this machine.
	InsecureHTTP bool

	Operator string              // where /healthz and /metrics are; "" is nowhere
	Metrics  prometheus.Gatherer // nil: /metrics is empty
	// Healthy says whether the cloud does its work; nil is always.
	Healthy func(ctx context.Context) error

	Drain  time.Duration // how long requests at work may take at the end; default 10 s
	Logger *slog.Logger  // nil discards
}

// fill sets the defaults.
func (o *Options) fill() {
	if o.Drain == 0 {
		o.Drain = 10 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// Server is a bound listener.
type Server struct {
	o        Options
	api      net.Listener
	operator net.Listener // nil without
	tls      *tls.Config  // nil without
}

// Listen binds the addresses. What cannot be meant as it was said is errs.Invalid.
func Listen(ctx context.Context, o Options) (*Server, error) {
	s := &Server{o: o}
	s.o.fill()
	if err := s.configure(); err != nil {
		return nil, err
	}
	var err error
	if s.api, err = bind(ctx, o.Listen); err != nil {
		return nil, err
	}
	if o.Operator != "" {
		if s.operator, err = bind(ctx, o.Operator); err != nil {
			s.api.Close()
			return nil, err
		}
	}
	return s, nil
}

func bind(ctx context.Context, address string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, errs.Invalidf("cannot listen on %s: %v", address, err)
	}
	return l, nil
}

// configure loads the certificate and refuses plain HTTP that others can read.
func (s *Server) configure() error {
	if (s.o.CertFile == "") != (s.o.KeyFile == "") {
		return errs.Invalidf("a TLS certificate and its key are given together or not at all")
	}
	if s.o.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(s.o.CertFile, s.o.KeyFile)
		if err != nil {
			return errs.Invalidf("cannot load the TLS certificate: %v", err)
		}
		s.tls = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
		return nil
	}
	host, _, err := net.SplitHostPort(s.o.Listen)
	if err != nil {
		return errs.Invalidf("%q is not HOST:PORT", s.o.Listen)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) && !s.o.InsecureHTTP {
		return errs.Invalidf("%s can be reached from other machines: give a TLS certificate, or say --insecure-http", s.o.Listen)
	}
	return nil
}

// URL is where the API is, "http://127.0.0.1:5000".
func (s *Server) URL() string {
	scheme := "http://"
	if s.tls != nil {
		scheme = "https://"
	}
	return scheme + s.api.Addr().String()
}

// OperatorURL is where /healthz and /metrics are, "" for nowhere.
func (s *Server) OperatorURL() string {
	if s.operator == nil {
		return ""
	}
	return "http://" + s.operator.Addr().String()
}

// Close gives up a server that was never run.
func (s *Server) Close() {
	s.api.Close()
	if s.operator != nil {
		s.operator.Close()
	}
}

// Run serves h until ctx is done; then requests at work have until the drain's
// end, and Run returns nil. It must not be called twice.
func (s *Server) Run(ctx context.Context, h http.Handler) error {
	group, ctx := errgroup.WithContext(ctx)
	api := s.api
	if s.tls != nil {
		api = tls.NewListener(api, s.tls)
	}
	group.Go(func() error { return s.serve(ctx, api, h) })
	if s.operator != nil {
		group.Go(func() error { return s.serve(ctx, s.operator, s.operatorHandler()) })
	}
	return group.Wait()
}

// Operate serves /healthz and /metrics alone until ctx is done: for programs
// that have no API.
func Operate(ctx context.Context, o Options) error {
	s := &Server{o: o}
	s.o.fill()
	l, err := bind(ctx, o.Operator)
	if err != nil {
		return err
	}
	return s.serve(ctx, l, s.operatorHandler())
}

// Handle serves h on a listener of the caller's until ctx is done, under the
// same limits as Run.
func Handle(ctx context.Context, l net.Listener, h http.Handler, o Options) error {
	s := &Server{o: o}
	s.o.fill()
	return s.serve(ctx, l, h)
}

func (s *Server) serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,     // lifted for uploads, once the caller is known
		WriteTimeout:      2 * time.Minute, // of the slowest request and its answer; lifted for downloads
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.o.Logger.Handler(), slog.LevelDebug),
	}
	drained := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.o.Drain)
		defer cancel()
		err := server.Shutdown(limit)
		if err != nil {
			err = server.Close() // the drain is over
		}
		drained <- err
	})
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		stop()
		return err
	}
	return <-drained
}

func (s *Server) operatorHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		if s.o.Healthy != nil {
			if err := s.o.Healthy(r.Context()); err != nil {
				s.o.Logger.Warn("not healthy", "error", err)
				http.Error(w, "unhealthy", http.StatusServiceUnavailable)
				return
			}
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	if s.o.Metrics != nil {
		mux.Handle("GET /metrics", promhttp.HandlerFor(s.o.Metrics, promhttp.HandlerOpts{}))
	}
	return mux
}
