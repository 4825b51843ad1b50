package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/projection"
	"github.com/aether-es/aether/readdb"
	"github.com/danielgtaylor/huma/v2"
)

// Problem is the answer to a request that failed (RFC 9457).
type Problem struct {
	huma.ErrorModel

	Reason string         `json:"reason,omitempty" doc:"Of a refusal: the rule that said no. It does not change."`
	Facts  any            `json:"facts,omitempty" doc:"Of a refusal: what a program may want to know of it."`
	Latest aether.Version `json:"latest,omitempty" doc:"Of a conflict: the latest version."`

	cause error // of a failure of the server, which is for its log alone
}

// Unwrap returns what is to be logged, nil when there is no such thing.
func (p *Problem) Unwrap() error { return p.cause }

// The types of problems; the reason of a refusal follows on the first. For the others
// see [NewProblem].
const (
	typeRefused    = "urn:aether:refused:"
	typeConflict   = "urn:aether:version-conflict"
	typeInvalid    = "urn:aether:invalid"
	typeReused     = "urn:aether:idempotency-key-reused"
	typeNotStopped = "urn:aether:not-stopped"
	typeBusy       = "urn:aether:busy"
	typeUnknown    = "urn:aether:outcome-unknown"
	typeStopping   = "urn:aether:stopping"
	typeBehind     = "urn:aether:behind"
)

// StatusCanceled is the status of what nobody waits for any more, as nginx has it. It
// is seen in the log and the metrics only.
const StatusCanceled = 499

// kind is the type and the title of the problems of a status that have no other.
func kind(status int) (string, string) {
	switch status {
	case http.StatusBadRequest:
		return "urn:aether:malformed", "the request cannot be read"
	case http.StatusUnauthorized:
		return "urn:aether:unauthorized", "the token is missing or wrong"
	case http.StatusForbidden:
		return "urn:aether:forbidden", "not allowed"
	case http.StatusNotFound:
		return "urn:aether:not-found", "not found"
	case http.StatusMethodNotAllowed:
		return "urn:aether:method-not-allowed", "there is something else to be done with this"
	case http.StatusNotAcceptable:
		return "urn:aether:not-acceptable", "the answer has no such form"
	case http.StatusRequestTimeout:
		return "urn:aether:too-slow", "the request came too slowly"
	case http.StatusRequestEntityTooLarge:
		return "urn:aether:too-large", "the request is too large"
	case http.StatusUnsupportedMediaType:
		return "urn:aether:unsupported-media-type", "the body has another form than it should"
	case http.StatusMisdirectedRequest:
		return "urn:aether:misdirected", "this server does not answer under that name"
	case http.StatusUnprocessableEntity:
		return typeInvalid, "bad input"
	case StatusCanceled:
		return "urn:aether:canceled", "nobody waits for the answer"
	case http.StatusServiceUnavailable:
		return "urn:aether:unavailable", "not now"
	}
	if status >= 500 {
		return "urn:aether:failed", "the server failed"
	}
	return "urn:aether:bad-request", "the request is not right"
}

// NewProblem returns the problem of a status, with what to tell about it.
func NewProblem(status int, detail string) *Problem {
	p := &Problem{ErrorModel: huma.ErrorModel{Status: status, Detail: detail}}
	p.Type, p.Title = kind(status)
	return p
}

// fromModel returns an error of the framework as a problem.
func fromModel(model *huma.ErrorModel) *Problem {
	p := NewProblem(model.Status, model.Detail)
	p.Errors = model.Errors
	return p
}

// InvalidField returns the problem of bad input, where location is the field as in
// "body.width" or "query.cursor", and reason completes the sentence "Field …".
func InvalidField(location, reason string) *Problem {
	_, field, _ := strings.Cut(location, ".")
	p := NewProblem(http.StatusUnprocessableEntity, field+" "+reason)
	p.Errors = []*huma.ErrorDetail{{Location: location, Message: reason}}
	return p
}

// Error returns an error of a system as a problem. A refusal for one of the reasons
// that mean "there is no such thing" is 404, for others 409.
func Error(err error, notFound ...string) error {
	if err == nil {
		return nil
	}
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if model, ok := errors.AsType[*huma.ErrorModel](err); ok {
		return fromModel(model)
	}
	if errors.Is(err, context.Canceled) { // the client has gone
		return NewProblem(StatusCanceled, "the client has gone")
	}
	p := &Problem{ErrorModel: huma.ErrorModel{Detail: err.Error()}}
	set := func(status int, kind, title string) *Problem {
		p.Status, p.Type, p.Title = status, kind, title
		return p
	}
	if refusal, ok := errors.AsType[*aether.Refusal](err); ok {
		p.Detail, p.Reason, p.Facts = refusal.Message, refusal.Reason, refusal.Facts
		status := http.StatusConflict
		for _, reason := range notFound {
			if refusal.Reason == reason {
				status = http.StatusNotFound
			}
		}
		return set(status, typeRefused+refusal.Reason, "refused")
	}
	if _, ok := errors.AsType[*actor.UnknownError](err); ok {
		return set(http.StatusServiceUnavailable, typeUnknown, "it is not known whether the command was carried out")
	}
	if p := storeProblem(err); p != nil {
		return p
	}
	if errors.Is(err, actor.ErrContended) {
		return set(http.StatusServiceUnavailable, typeBusy, "others were faster each time")
	}
	if conflict, ok := errors.AsType[*aether.ConflictError](err); ok {
		p.Latest = conflict.Latest
		title := "somebody else was faster"
		if conflict.Tried > conflict.Latest+1 {
			title = "the version lies beyond the latest"
		}
		return set(http.StatusPreconditionFailed, typeConflict, title)
	}
	if invalid, ok := errors.AsType[*aether.InvalidError](err); ok {
		p.Errors = []*huma.ErrorDetail{{Location: location(invalid.Field), Message: invalid.Reason}}
		return set(http.StatusUnprocessableEntity, typeInvalid, "bad input")
	}
	switch {
	case errors.Is(err, aether.ErrDuplicateEvent):
		p.Detail = "the key came with another command before; a new command needs a new key"
		p.Errors = []*huma.ErrorDetail{{Location: "header.Idempotency-Key", Message: "came with another command before"}}
		return set(http.StatusUnprocessableEntity, typeReused, "the key was used for another command")
	case errors.Is(err, readdb.ErrCursor):
		return InvalidField("query.cursor", "is not one of this list")
	case errors.Is(err, projection.ErrNotStopped):
		return set(http.StatusConflict, typeNotStopped, "it has not stopped")
	case errors.Is(err, projection.ErrNotReady):
		return NewProblem(http.StatusServiceUnavailable, "the read model is being made; try again")
	case errors.Is(err, projection.ErrBehind):
		p.Detail = "the read model has not come that far yet; try again"
		return set(http.StatusServiceUnavailable, typeBehind, "the read model is behind")
	case errors.Is(err, actor.ErrBusy):
		return set(http.StatusServiceUnavailable, typeBusy, "too many commands wait")
	case errors.Is(err, aether.ErrClosed), errors.Is(err, readdb.ErrClosed):
		return set(http.StatusServiceUnavailable, typeStopping, "the program is about to stop")
	case errors.Is(err, integration.ErrNoServer), errors.Is(err, context.DeadlineExceeded):
		return NewProblem(http.StatusServiceUnavailable, "it took too long, or nobody is there to do it; try again")
	}
	p = NewProblem(http.StatusInternalServerError, "the log of the server has the details") // the text is not for strangers
	p.cause = err
	return p
}

// location is the field of the input that a field of a command or an event is made of.
func location(field string) string {
	if header, ok := strings.CutPrefix(field, "metadata."); ok {
		return "header." + header
	}
	return "body." + field
}

// problems has every error that the API answers with be a [Problem], also those that
// the framework makes, and logs the failures.
func problems(logger *slog.Logger) huma.Transformer {
	return func(ctx huma.Context, _ string, body any) (any, error) {
		p, ok := body.(*Problem)
		if model, plain := body.(*huma.ErrorModel); plain {
			p, ok = fromModel(model), true
		}
		if !ok {
			return body, nil
		}
		noteProblem(ctx.Context(), p)
		if p.cause != nil {
			level := slog.LevelError
			if p.Status == http.StatusServiceUnavailable { // it may be tried again
				level = slog.LevelWarn
			}
			logger.Log(ctx.Context(), level, "a request failed", "operation", ctx.Operation().OperationID, "error", p.cause)
		}
		if p.Status == http.StatusServiceUnavailable {
			ctx.SetHeader("Retry-After", retryAfter)
		}
		return p, nil
	}
}

// loggerKey is that of the logger of a request's context.
type loggerKey struct{}

// WithLogger returns a context with the logger of a server, for what goes wrong with a
// request.
func WithLogger(ctx context.Context, logger *slog.Logger) context.Context {
	return context.WithValue(ctx, loggerKey{}, logger)
}

// Logger returns it; [slog.Default] where there is none.
func Logger(ctx context.Context) *slog.Logger {
	if logger, ok := ctx.Value(loggerKey{}).(*slog.Logger); ok {
		return logger
	}
	return slog.Default()
}

// retryAfter is after how many seconds what did not succeed may.
const retryAfter = "1"

// Write answers with a problem, outside of the API's own operations. People get text.
func Write(w http.ResponseWriter, r *http.Request, p *Problem) {
	noteProblem(r.Context(), p)
	h := w.Header()
	if p.Status == http.StatusServiceUnavailable {
		h.Set("Retry-After", retryAfter)
	}
	h.Set("Cache-Control", "no-store")
	if strings.HasPrefix(r.Header.Get("Accept"), "text/html") {
		h.Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(p.Status)
		_, _ = w.Write([]byte(p.Detail + "\n"))
		return
	}
	h.Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client is gone if that fails
}
