package aether

import (
	"errors"
	"fmt"
)

// ErrRefused says that a rule of the domain says no; see [Refusal]. It is no failure, and
// no conflict: the command was understood, decided upon, and has written nothing.
var ErrRefused = errors.New("aether: refused")

// Refusal is the answer of a decider that says no. It is an [ErrRefused].
type Refusal struct {
	// Reason names the rule for programs, and does not change: "sold-out".
	Reason string

	// Message says it to people: "only 2 tickets are left".
	Message string

	// Facts are what a program may want to know of it, nil when that is nothing.
	Facts any
}

// Refuse returns a refusal with a message in the manner of [fmt.Sprintf].
func Refuse(reason, format string, args ...any) *Refusal {
	return &Refusal{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

func (r *Refusal) Error() string {
	if r.Message == "" {
		return "refused: " + r.Reason
	}
	return fmt.Sprintf("refused: %s: %s", r.Reason, r.Message)
}

// Is makes the error an [ErrRefused].
func (r *Refusal) Is(target error) bool { return target == ErrRefused }
