package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aether-es/aether"
	"github.com/jackc/pgx/v5/pgconn"
)

// SQLSTATEs that are told apart.
const (
	codeTooLate         = "AE001" // of append_events
	codeUniqueViolation = "23505"
)

// classes are the SQLSTATEs, or their first two digits, by what they mean to a caller.
var classes = []struct {
	code, advice string
	class        error
}{
	{"25006", "connect to the primary", ErrReadOnly},
	{"28", "check the user and the password in the DSN, and pg_hba.conf", ErrDenied},
	{"3D000", "check the name in the DSN, or create it", ErrNoDatabase},
	{"42501", "grant it to the user, or let the owner of the schema do it", ErrDenied},
	{"53100", "make space on the server's disk", ErrDiskFull},
	{"53200", "the server is out of memory", ErrUnavailable},
	{"53300", "the server has too many connections; raise its max_connections or lower Options.MaxConns", ErrUnavailable},
	{"57P", "", ErrUnavailable}, // it shuts down, or starts
	{"08", "", ErrUnavailable},  // the connection is broken, says a proxy
	{"40", "", ErrUnavailable},  // a deadlock, or a conflict with recovery on a replica
	{codeTooLate, "", ErrUnavailable},
	{"57014", "", ErrUnavailable}, // cancelled: nobody but an operator, or a timeout, does so
	{"55P03", "", ErrUnavailable},
	{"42P01", "run aether migrate", ErrNotMigrated},
	{"42883", "run aether migrate", ErrNotMigrated},
	{"3F000", "run aether migrate", ErrNotMigrated},
	{"26000", "there seems to be a transaction-pooling proxy in between: set Options.TransactionPooling", ErrUnsupported},
	{"42P05", "there seems to be a transaction-pooling proxy in between: set Options.TransactionPooling", ErrUnsupported},
}

// classify turns an error of the driver into one of this package. Errors of ctx pass
// through, and those of this package.
func classify(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, aether.ErrClosed) || errors.Is(err, ErrUnavailable) || errors.Is(err, ErrUnsupported) || errors.As(err, new(*SchemaError)) || errors.As(err, new(*ServerError)) {
		return err
	}
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return &UnavailableError{Op: op, Reason: reason(err)}
	}
	for _, c := range classes {
		if !strings.HasPrefix(pg.Code, c.code) {
			continue
		}
		if c.class == ErrUnavailable {
			text := fmt.Sprintf("%s (SQLSTATE %s)", pg.Message, pg.Code)
			if c.advice != "" {
				text += "; " + c.advice
			}
			return &UnavailableError{Op: op, Reason: text}
		}
		return &ServerError{Op: op, Code: pg.Code, Message: pg.Message, Advice: c.advice, class: c.class}
	}
	return &ServerError{Op: op, Code: pg.Code, Message: pg.Message, class: ErrServer}
}

// reason puts an error of the network into words. The driver's own would say which
// user and database it was as well, over several lines.
func reason(err error) string {
	if connect, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		err = errors.Unwrap(connect)
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			if all := joined.Unwrap(); len(all) > 0 {
				err = all[len(all)-1]
			}
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "it does not answer"
	}
	return strings.ReplaceAll(err.Error(), "\n", " ")
}

// settled says that the server has answered that it did nothing, and goes on. After any
// other error of a statement nobody knows whether it was carried out.
func settled(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.SeverityUnlocalized == "ERROR"
}

// transient says that trying again may help: the connection or the server is at fault,
// not what was asked.
func transient(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return true
	}
	unavailable, ok := errors.AsType[*UnavailableError](classify(context.Background(), "", pg))
	return ok && unavailable != nil
}

func hasCode(err error, code string) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == code
}

// isConnect says that no connection could be made.
func isConnect(err error) bool {
	_, ok := errors.AsType[*pgconn.ConnectError](err)
	return ok
}
