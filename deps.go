//go:build deps

// Package cumulite: this file pins libraries until their first real import.
package cumulite

import (
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/nats-io/nats-server/v2/server"
	_ "github.com/nats-io/nats.go"
	_ "github.com/nats-io/nkeys"
)
