package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/schema"
)

// The problems that the event store has, or its events.
const (
	typeNotSaved   = "urn:aether:not-saved"
	typeUnreadable = "urn:aether:unreadable-history"
)

// storeProblem returns the problem of an error of the event store or of an event in it,
// nil when it is another one.
func storeProblem(err error) *Problem {
	if errors.Is(err, aether.ErrNotSaved) {
		p := NewProblem(http.StatusServiceUnavailable, "The event store cannot save now, as when its disk is full. Nothing was saved; send the command again later.")
		p.Type, p.Title, p.cause = typeNotSaved, "nothing was saved", err
		return p
	}
	if errors.Is(err, aether.ErrUnavailable) {
		p := NewProblem(http.StatusServiceUnavailable, "The servers of the event store do not answer. A command may have been carried out; the same command with the same key tells.")
		p.cause = err
		return p
	}
	if e, ok := errors.AsType[*schema.DecodeError](err); ok {
		why := "its data does not fit the type"
		switch {
		case errors.Is(err, schema.ErrUnknownType):
			why = "this program does not know the type"
		case errors.Is(err, schema.ErrNewerSchema):
			why = "a newer program wrote it"
		}
		p := NewProblem(http.StatusInternalServerError, fmt.Sprintf(
			"Event %d of %s, of the type %q, cannot be read: %s. Run the program that wrote it; an event that nobody can read is left out by exporting the events, removing its line and those of the actor behind it, and importing the rest into a new store.",
			e.Version, e.ActorID, e.Type, why))
		p.Type, p.Title, p.cause = typeUnreadable, "the history cannot be read", err
		return p
	}
	return nil
}

// noteKey is that of what is told of the problems of a request's context.
type noteKey struct{}

// WithNote returns a context whose function is told the type of every problem that is
// answered.
func WithNote(ctx context.Context, note func(problemType string)) context.Context {
	return context.WithValue(ctx, noteKey{}, note)
}

func noteProblem(ctx context.Context, p *Problem) {
	if note, ok := ctx.Value(noteKey{}).(func(string)); ok {
		note(p.Type)
	}
}
