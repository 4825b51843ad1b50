package integration

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/internal/backoff"
)

// RetryOptions are the settings of [Retry]. Zero values are the defaults.
type RetryOptions struct {
	// Within is how long a request is tried, 15 seconds by default, or until its context
	// ends.
	Within time.Duration

	// Each is how long one try may take, 5 seconds by default. A server that was killed
	// does not answer any more; one that is slow has the same request twice, and carries
	// it out once.
	Each time.Duration
}

// Retry returns commands whose Send tries again what may succeed in another moment:
// nobody serves the actors, the server has stopped or was killed in the middle, the store
// is not there. The request has the same ID each time, one of its own if it had none, so
// it has one effect. So while nodes come and go a sender waits, and seldom sees an error;
// the last one then, with [aether.ErrUnavailable] where there was no answer at all.
func Retry(commands Commands, options *RetryOptions) Commands {
	r := &retrying{Commands: commands}
	if options != nil {
		r.options = *options
	}
	r.options.Within = cmp.Or(max(r.options.Within, 0), 15*time.Second)
	r.options.Each = cmp.Or(max(r.options.Each, 0), 5*time.Second)
	return r
}

type retrying struct {
	Commands
	options RetryOptions
}

// Send is described at [Retry].
func (r *retrying) Send(ctx context.Context, request Request) (Reply, error) {
	request.ID = cmp.Or(request.ID, aether.NewID())
	end := time.Now().Add(r.options.Within)
	for failed := 1; ; failed++ {
		once, cancel := context.WithTimeout(ctx, min(r.options.Each, time.Until(end)))
		reply, err := r.Commands.Send(once, request)
		tooLong := once.Err() != nil && ctx.Err() == nil
		cancel()
		if err == nil || ctx.Err() != nil || !tooLong && !passing(err) {
			return reply, err
		}
		if tooLong && errors.Is(err, context.DeadlineExceeded) {
			err = &noAnswerError{}
		}
		pause := backoff.After(failed, 5*time.Millisecond, time.Second)
		if time.Until(end) <= pause {
			return reply, err
		}
		if err := backoff.Wait(ctx, pause); err != nil {
			return reply, err
		}
	}
}

// passing says whether an error may be gone in another moment.
func passing(err error) bool {
	for _, class := range []error{ErrNoServer, aether.ErrUnavailable, aether.ErrClosed} {
		if errors.Is(err, class) {
			return true
		}
	}
	_, unknown := errors.AsType[*actor.UnknownError](err)
	return unknown
}

// noAnswerError says that no try was answered. It is an [aether.ErrUnavailable].
type noAnswerError struct{}

func (e *noAnswerError) Error() string {
	return "integration: no answer came: the command may have been carried out; the same one again tells"
}

// Is makes the error an [aether.ErrUnavailable].
func (e *noAnswerError) Is(target error) bool { return target == aether.ErrUnavailable }
