// Package api is what the HTTP interfaces of all systems share: how a command's
// options are passed, and how errors are told.
package api

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"reflect"
	"strconv"
	"strings"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// New adds an API to a mux. Its description is at /openapi.json and /openapi.yaml.
func New(mux *http.ServeMux, version string) huma.API {
	config := huma.DefaultConfig("Aether", version)
	config.Info.Description = "Commands and queries of the systems that this program runs. " +
		"Errors are problems (RFC 9457): 409 when a rule refuses a command, with its `reason`; " +
		"412 when the version in If-Match is not the latest; 404 for what is not there; 422 for bad input, naming the field."
	config.DocsPath = ""    // huma's page loads scripts from elsewhere
	config.SchemasPath = "" // all schemas are in the description
	config.CreateHooks = nil
	config.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	return humago.New(mux, config)
}

// schemaName puts the package before the name of a type: several have a Status.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Name() == "" || t.PkgPath() == "" {
		return name
	}
	return strings.ToUpper(path.Base(t.PkgPath())[:1]) + path.Base(t.PkgPath())[1:] + name
}

// Command is the input that every command takes, in headers.
type Command struct {
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"200" doc:"Names the command. The same key again has no further effect and returns the first result, at any later time."`
	IfMatch        string `header:"If-Match" doc:"The version (an ETag) that the caller has seen. If what has happened since matters to the command, it fails with 412."`
	Traceparent    string `header:"traceparent" maxLength:"200" doc:"W3C trace context; the events keep it."`
}

// Options returns them as a host takes them.
func (c *Command) Options() (*actor.DoOptions, error) {
	options := &actor.DoOptions{CommandID: c.IdempotencyKey, Metadata: aether.Metadata{Traceparent: c.Traceparent}}
	if c.IfMatch != "" && c.IfMatch != "*" {
		text := strings.Trim(strings.TrimPrefix(c.IfMatch, "W/"), `"`)
		n, err := strconv.ParseUint(text, 10, 63)
		if err != nil {
			return nil, huma.Error422UnprocessableEntity("If-Match is not a version", &huma.ErrorDetail{
				Location: "header.If-Match", Message: `expected a version in quotes, like "7"`, Value: c.IfMatch,
			})
		}
		options.At = new(aether.Version(n))
	}
	return options, nil
}

// ETag returns a version as HTTP has it.
func ETag(version aether.Version) string { return fmt.Sprintf(`"%d"`, version) }

// Problem is the answer to a request that failed.
type Problem struct {
	huma.ErrorModel

	Reason string         `json:"reason,omitempty" doc:"Of a refusal: the rule that said no. It does not change."`
	Facts  any            `json:"facts,omitempty" doc:"Of a refusal: what a program may want to know of it."`
	Latest aether.Version `json:"latest,omitempty" doc:"Of a conflict: the latest version."`
}

// problem types; the reason of a refusal follows on the first.
const (
	typeRefused  = "urn:aether:refused:"
	typeConflict = "urn:aether:version-conflict"
	typeInvalid  = "urn:aether:invalid"
	typeBusy     = "urn:aether:busy"
	typeUnknown  = "urn:aether:outcome-unknown"
	typeStopping = "urn:aether:stopping"
	typeFailed   = "urn:aether:failed"
)

// Error returns an error of a host as a problem. A refusal for one of the reasons
// that mean "there is no such thing" is 404, for others 409.
func Error(err error, notFound ...string) error {
	if err == nil {
		return nil
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
	if errors.Is(err, actor.ErrContended) {
		return set(http.StatusServiceUnavailable, typeBusy, "others were faster each time")
	}
	if conflict, ok := errors.AsType[*aether.ConflictError](err); ok {
		p.Latest = conflict.Latest
		return set(http.StatusPreconditionFailed, typeConflict, "somebody else was faster")
	}
	if invalid, ok := errors.AsType[*aether.InvalidError](err); ok {
		p.Errors = []*huma.ErrorDetail{{Location: invalid.Field, Message: invalid.Reason}}
		return set(http.StatusUnprocessableEntity, typeInvalid, "bad input")
	}
	if _, ok := errors.AsType[*actor.UnknownError](err); ok {
		return set(http.StatusServiceUnavailable, typeUnknown, "it is not known whether the command was carried out")
	}
	switch {
	case errors.Is(err, actor.ErrBusy):
		return set(http.StatusServiceUnavailable, typeBusy, "too many commands wait")
	case errors.Is(err, aether.ErrClosed):
		return set(http.StatusServiceUnavailable, typeStopping, "the program is about to stop")
	}
	slog.Error("a request failed", "error", err) // its text is not for strangers
	p.Detail = "the log of the server has the details"
	return set(http.StatusInternalServerError, typeFailed, "the server failed")
}
