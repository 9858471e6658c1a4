//go:build deps

// Package cumulite: this file pins libraries until their first real import.
package cumulite

import (
	_ "github.com/jackc/pgx/v5/stdlib"
)
