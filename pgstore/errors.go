package pgstore

import (
	"errors"
	"fmt"

	"github.com/aether-es/aether"
)

// The classes of errors that only this engine has. The facts are in [ServerError],
// [UnavailableError] and [SchemaError]; no error of the driver is passed on.
var (
	// ErrUnavailable: the server could not be reached, or did not answer in time; see
	// [UnavailableError]. It is an aether.ErrUnavailable.
	ErrUnavailable = errors.New("pgstore: the server is unavailable")

	// ErrNotMigrated: the schema is missing, or is older than the program; see
	// [SchemaError]. Run aether migrate, call [Migrate] or set [Options].Migrate.
	ErrNotMigrated = errors.New("pgstore: the schema is not migrated")

	// ErrTooNew: the schema was migrated by a newer program; see [SchemaError].
	ErrTooNew = errors.New("pgstore: the schema is newer than the program")

	// ErrReadOnly: the server is a replica, or the database is read-only.
	ErrReadOnly = errors.New("pgstore: the database is read-only")

	// ErrDiskFull: the server has no space for the save. Nothing of it was written; it
	// can be made again once there is space.
	ErrDiskFull = errors.New("pgstore: disk full")

	// ErrDenied: the password is wrong, or the user may not do this.
	ErrDenied = errors.New("pgstore: access denied")

	// ErrNoDatabase: the server has no database of this name.
	ErrNoDatabase = errors.New("pgstore: no such database")

	// ErrUnsupported: the server, its encoding or the DSN is none that this package
	// can work with.
	ErrUnsupported = errors.New("pgstore: unsupported")

	// ErrServer: the server refused for another reason; see [ServerError].
	ErrServer = errors.New("pgstore: the server refused")
)

// UnavailableError is an [ErrUnavailable].
type UnavailableError struct {
	// Op is what was to be done: "save events".
	Op string

	// Unknown says that the events of a save may have been written: the connection was
	// lost before the answer came, and the server could not be asked in time. Nothing
	// of it lands later. Saving the same events again tells. When it is false nothing
	// was written.
	Unknown bool

	// Reason is why, in words.
	Reason string
}

func (e *UnavailableError) Error() string {
	if e.Unknown {
		return fmt.Sprintf("pgstore: %s: the server is unavailable: %s; whether the events were saved is not known, saving the same events again tells", e.Op, e.Reason)
	}
	return fmt.Sprintf("pgstore: %s: the server is unavailable: %s", e.Op, e.Reason)
}

// Is makes the error an [ErrUnavailable] and an aether.ErrUnavailable.
func (e *UnavailableError) Is(target error) bool {
	return target == ErrUnavailable || target == aether.ErrUnavailable
}

// ServerError is what the server has answered. It is an error of one of the classes
// above.
type ServerError struct {
	Op      string // what was to be done
	Code    string // the SQLSTATE: "53100"
	Message string // the server's
	Advice  string // what to do about it; may be empty

	class error
}

func (e *ServerError) Error() string {
	text := fmt.Sprintf("%v: %s: %s (SQLSTATE %s)", e.class, e.Op, e.Message, e.Code)
	if e.Advice != "" {
		text += "; " + e.Advice
	}
	return text
}

// Is makes the error one of its class, and an aether.ErrNotSaved where the server takes no
// saves.
func (e *ServerError) Is(target error) bool {
	return target == e.class || target == aether.ErrNotSaved && (e.class == ErrDiskFull || e.class == ErrReadOnly)
}

// SchemaError says how the schema and the program differ. It is an [ErrNotMigrated] or
// an [ErrTooNew].
type SchemaError struct {
	Schema string
	Have   int64 // the version of the schema, 0 when it is not there
	Want   int64 // the version that the program needs
}

func (e *SchemaError) Error() string {
	switch {
	case e.Have > e.Want:
		return fmt.Sprintf("%v: schema %q is at version %d, the program knows up to %d; use a newer program", ErrTooNew, e.Schema, e.Have, e.Want)
	case e.Have == 0:
		return fmt.Sprintf("%v: the database has no schema %q with a store in it; aether migrate makes it", ErrNotMigrated, e.Schema)
	}
	return fmt.Sprintf("%v: schema %q is at version %d, the program needs %d; aether migrate brings it there", ErrNotMigrated, e.Schema, e.Have, e.Want)
}

// Is makes the error one of its class.
func (e *SchemaError) Is(target error) bool {
	if e.Have > e.Want {
		return target == ErrTooNew
	}
	return target == ErrNotMigrated
}
