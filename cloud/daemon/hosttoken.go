package daemon

import (
	"context"
	"fmt"
	"time"

	"github.com/cumulite/cumulite/cloud"
)

type hostTokenCommand struct {
	Name string        `help:"Name that the host must have. Default: any that is free." placeholder:"NAME"`
	TTL  time.Duration `name:"ttl" help:"How long the token lets it in." default:"1h"`
}

// do prints a token. The cloud may run, in this or another process.
func (h *hostTokenCommand) do(_ context.Context, p program) error {
	token, err := cloud.HostToken(p.keysDir(), h.Name, h.TTL)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.out, token.Reveal())
	return err
}

type hostRevokeCommand struct {
	Name string `arg:"" help:"Name of the host."`
}

// do cuts a host off. The cloud may run, in this or another process.
func (h *hostRevokeCommand) do(ctx context.Context, p program) error {
	return cloud.RevokeHost(ctx, options(p.Config, p.drivers, newLogger(p.LogLevel), nil), h.Name)
}
