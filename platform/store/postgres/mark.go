package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/store"
)

// marked says in the store's words what an error of the server, or of the way
// to it, means. A context's own end stays what it is.
func marked(ctx context.Context, err error) error {
	var said *pgconn.PgError
	switch {
	case err == nil || err == io.EOF: //nolint:errorlint // the driver's word for the end of the rows
		return err
	case errors.As(err, &said):
		return markedCode(ctx, said.Code, err)
	case errors.Is(ctx.Err(), context.Canceled):
		return err
	case lost(err):
		return unreachable(ctx, err)
	}
	return err
}

// markedCode goes by the SQLSTATE: a class of two characters and three more.
func markedCode(ctx context.Context, code string, err error) error {
	switch {
	case code == "23505":
		return fmt.Errorf("%w: %w", store.ErrDuplicate, err)
	case code == "40001", code == "40P01", // a lost race, a deadlock
		code == "55P03", // a lock that took too long
		code == "0A000" && strings.Contains(err.Error(), "cached plan"): // a migration of another program
		return fmt.Errorf("%w: %w", store.ErrRetry, err)
	case code == "57014" && ctx.Err() != nil: // cancelled, as we asked
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	case code == "25006" && !store.InWrite(ctx): // a reader that would write
		return err
	case code == "53100", code == "58030", code == "57014":
		return fmt.Errorf("%w: %w", store.ErrFull, err)
	case strings.HasPrefix(code, "08"), strings.HasPrefix(code, "53"), // no connection, no room
		strings.HasPrefix(code, "57P"), code == "25006", code == "25P03": // it ends, it starts, it is a standby
		return unreachable(ctx, err)
	}
	return err
}

// lost tells an error of the way to the server from one of what was asked.
func lost(err error) bool {
	var network net.Error
	var connect *pgconn.ConnectError
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) || errors.As(err, &connect) ||
		strings.Contains(err.Error(), "conn closed")
}

func unreachable(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return errors.Join(ctx.Err(), err)
	}
	return errs.New(errs.Unavailable, "The database does not answer at the moment.").Because(err)
}
