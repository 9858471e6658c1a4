package identity_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/identity"
)

// benchmarked gives a world that follows its own revision, with a token of a
// member.
func benchmarked(b *testing.B) (*world, *identity.Issued) {
	w, _, _, issued := member(b)
	ctx, stop := context.WithCancel(b.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = w.Run(ctx) }()
	b.Cleanup(func() { stop(); <-done })
	b.ReportAllocs()
	return w, issued
}

// BenchmarkVerify is the verification of a token that is remembered.
func BenchmarkVerify(b *testing.B) {
	w, issued := benchmarked(b)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := w.Verify(b.Context(), issued.Text); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkVerifyAfterChange is the verification of a token when something in
// identity has changed since.
func BenchmarkVerifyAfterChange(b *testing.B) {
	w, issued := benchmarked(b)
	for b.Loop() {
		b.StopTimer()
		_, err := w.CreateRegion(w.admin, identity.CreateRegion{})
		require.NoError(b, err)
		b.StartTimer()
		if _, err := w.Verify(b.Context(), issued.Text); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkIssueForToken is the issuing of a token by the method token.
func BenchmarkIssueForToken(b *testing.B) {
	w, issued := benchmarked(b)
	scope := identity.Scope{Project: identity.Lookup{ID: issued.Grant.ProjectID()}}
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := w.Authenticate(b.Context(), byToken(issued.Text), scope); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkBootstrap is the making of a new cloud's rows.
func BenchmarkBootstrap(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		w := newWorld(b)
		b.StartTimer()
		require.NoError(b, w.Bootstrap(b.Context(), identity.Bootstrap{Services: services()}))
	}
}
