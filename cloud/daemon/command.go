package daemon

import (
	"context"
	"io"
	"time"
)

// commands are what a daemon can be told to do. All take the same settings, so
// that each finds the cloud that the others mean.
type commands struct {
	Config `embed:""`

	Run        runCommand        `cmd:"" default:"1" help:"Run the cloud. This is what is done when no command is named."`
	Doctor     doctorCommand     `cmd:"" help:"Examine what must always hold of the cloud, whether it runs or not. Exits 1 if something does not."`
	HostToken  hostTokenCommand  `cmd:"" help:"Make a token with which a machine joins as a host, once, and print it."`
	HostRevoke hostRevokeCommand `cmd:"" help:"Let a host in no more that has joined, and cut it off."`
}

// command is one of them.
type command interface {
	// do does it. An errs.Invalid error is a mistake in how it was called.
	do(ctx context.Context, p program) error
}

// program is what a command works with.
type program struct {
	Config

	drivers Drivers
	started time.Time
	out     io.Writer
}

type runCommand struct{}
