package readdb

import (
	"errors"
	"fmt"
)

// The classes of errors, for errors.Is. The facts are in the types below, for
// errors.As.
var (
	// ErrClosed: the read DB or the view was closed.
	ErrClosed = errors.New("readdb: closed")

	// ErrDone: the Tx was committed already.
	ErrDone = errors.New("readdb: the Tx is done")

	// ErrConflict: the space was changed by another Tx, or dropped, since this one
	// began; nothing was written.
	ErrConflict = errors.New("readdb: the space was changed meanwhile")

	// ErrInvalid: the input breaks a limit or a rule; see [InvalidError].
	ErrInvalid = errors.New("readdb: invalid")

	// ErrCursor: the cursor is not one that this listing has given.
	ErrCursor = errors.New("readdb: not a cursor of this listing")

	// ErrDecode: a document is not of the collection's type; see [DecodeError].
	ErrDecode = errors.New("readdb: document does not decode")

	// ErrMismatch: the space was written with other indexes; see [MismatchError].
	ErrMismatch = errors.New("readdb: other indexes")

	// ErrDamaged: what is stored is not what was written, or another version of the
	// library wrote it; see [DamageError]. Drop the read DB, and make it again.
	ErrDamaged = errors.New("readdb: damaged")
)

// InvalidError says what is wrong with a caller's input. It is an [ErrInvalid].
type InvalidError struct {
	// Field is what is wrong: "limit".
	Field string

	// Reason completes the sentence "Field …": "is more than 1000".
	Reason string
}

func (e *InvalidError) Error() string { return fmt.Sprintf("readdb: %s %s", e.Field, e.Reason) }

// Is makes the error an [ErrInvalid].
func (e *InvalidError) Is(target error) bool { return target == ErrInvalid }

func invalid(field, reason string, args ...any) error {
	return &InvalidError{field, fmt.Sprintf(reason, args...)}
}

// DecodeError says which document does not decode. It is an [ErrDecode].
type DecodeError struct {
	Space, Collection, Key string

	Err error // of encoding/json
}

func (e *DecodeError) Error() string {
	return fmt.Sprintf("readdb: decode document %q of collection %q in space %q: %v", e.Key, e.Collection, e.Space, e.Err)
}

// Is makes the error an [ErrDecode].
func (e *DecodeError) Is(target error) bool { return target == ErrDecode }

// Unwrap returns the cause.
func (e *DecodeError) Unwrap() error { return e.Err }

// MismatchError says that the program has other indexes than the space, so it needs
// a new space. It is an [ErrMismatch].
type MismatchError struct {
	Space, Collection string

	Stored, Known []string // the names of the indexes
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("readdb: collection %q in space %q has the indexes %q, the program has %q: a changed projection needs a new space",
		e.Collection, e.Space, e.Stored, e.Known)
}

// Is makes the error an [ErrMismatch].
func (e *MismatchError) Is(target error) bool { return target == ErrMismatch }

// DamageError says what is damaged. It is an [ErrDamaged].
type DamageError struct {
	What string // a folder, or a space

	Err error
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("readdb: %s is damaged: %v; drop the read DB and make it again", e.What, e.Err)
}

// Is makes the error an [ErrDamaged].
func (e *DamageError) Is(target error) bool { return target == ErrDamaged }

// Unwrap returns the cause.
func (e *DamageError) Unwrap() error { return e.Err }
