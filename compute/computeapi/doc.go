// Package computeapi serves the Compute API v2.1, microversions 2.1 to 2.96,
// over a *compute.Service.
//
//	api, err := computeapi.New(servers, httpapi.Config{Prefix: "/compute", PublicURL: url, Verifier: identity})
//
// One noun has one file: its rows, its handlers, and its wire structs, or
// those beside it in a file named …wire.go. A field's since and until tags say
// which microversions have it.
package computeapi
