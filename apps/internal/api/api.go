// Package api is what the HTTP interfaces of all systems share: how a command's
// options are passed, and how errors are told.
package api

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
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

// New adds an API to a mux. Its description is at /openapi.json and /openapi.yaml. A
// nil logger is [slog.Default].
func New(mux humago.Mux, version string, logger *slog.Logger) huma.API {
	config := huma.DefaultConfig("Aether", version)
	config.Info.Description = "Commands and queries of the systems that this program runs. " +
		"Errors are problems (RFC 9457): 409 when a rule refuses a command, with its `reason`; " +
		"412 when the version in If-Match is not the latest; 404 for what is not there; 422 for bad input, naming the field, " +
		"and for an Idempotency-Key that came with another command before; 503 with Retry-After for what may succeed later."
	config.DocsPath = ""    // huma's page loads scripts from elsewhere
	config.SchemasPath = "" // all schemas are in the description
	config.CreateHooks = nil
	config.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	describeProblem(config.Components.Schemas)
	config.Transformers = append(config.Transformers, problems(cmp.Or(logger, slog.Default())))
	config.OnAddOperation = append(config.OnAddOperation, func(_ *huma.OpenAPI, op *huma.Operation) {
		op.BodyReadTimeout = 0 // huma's would end the context of what takes longer than that; the server has one
	})
	return humago.New(mux, config)
}

// describeProblem has the description show problems as they are sent: as [Problem],
// which has more than huma knows of.
func describeProblem(schemas huma.Registry) {
	schemas.RegisterTypeAlias(reflect.TypeFor[huma.ErrorModel](), reflect.TypeFor[Problem]())
	schemas.Schema(reflect.TypeFor[Problem](), true, "")
	schema := schemas.Map()[schemaName(reflect.TypeFor[Problem](), "")]
	schema.Examples = []any{map[string]any{
		"type": typeInvalid, "title": "bad input", "status": http.StatusUnprocessableEntity, "detail": "aether: id is not printable text",
		"errors": []any{map[string]any{"location": "body.id", "message": "is not printable text"}},
	}}
	for name, about := range map[string]string{
		"type":     "The kind of error, as `urn:aether:version-conflict` or `urn:aether:refused:` with the reason behind it. It does not change, and is always there.",
		"title":    "The kind of error in words.",
		"detail":   "What happened, for people.",
		"status":   "The status of the answer.",
		"errors":   "What is wrong with the input, field by field: `body.width`, `query.cursor`, `path.grid`, `header.If-Match`.",
		"instance": "Not used.",
	} {
		property := schema.Properties[name]
		property.Description, property.Default, property.Examples = about, nil, nil
	}
}

// schemaName puts the package before the name of a type: several have a Status. What
// is no system's own has its name alone, and so has a type that is called as its
// package. A body without a type of its own is named after its operation.
func schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	name := huma.DefaultSchemaNamer(t, hint)
	if t.Name() == "" && t.Kind() == reflect.Struct {
		words := strings.Split(hint, "-")
		for i, word := range words {
			words[i] = capital(word)
		}
		return strings.Join(words, "")
	}
	for t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	system := capital(path.Base(t.PkgPath()))
	if t.PkgPath() == "" || ownName(t.PkgPath()) || strings.HasPrefix(name, system) {
		return name
	}
	return system + name
}

// ownName says whether the types of a package belong to no system: those of huma, of
// this package and of the shell.
func ownName(pkg string) bool {
	here := reflect.TypeFor[Problem]().PkgPath()
	return pkg == here || pkg == path.Dir(here)+"/web" || pkg == reflect.TypeFor[huma.ErrorModel]().PkgPath()
}

func capital(word string) string {
	if word == "" {
		return ""
	}
	return strings.ToUpper(word[:1]) + word[1:]
}

// Command is the input that every command takes, in headers.
type Command struct {
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"200" doc:"Names the command. The same key again, for the same operation upon the same thing, has no further effect and returns the first result, at any later time; with another command it is an error."`
	IfMatch        string `header:"If-Match" doc:"The version (an ETag) that the caller has seen. If what has happened since matters to the command, it fails with 412."`
	Traceparent    string `header:"traceparent" maxLength:"200" doc:"W3C trace context; the events keep it."`
}

// Options returns them as a host takes them, for an operation.
func (c *Command) Options(operation string) (*actor.DoOptions, error) {
	options := &actor.DoOptions{CommandID: CommandID(operation, c.IdempotencyKey), Metadata: aether.Metadata{Traceparent: c.Traceparent}}
	if c.IfMatch != "" && c.IfMatch != "*" {
		text := strings.Trim(strings.TrimPrefix(c.IfMatch, "W/"), `"`)
		n, err := strconv.ParseUint(text, 10, 63)
		if err != nil {
			return nil, InvalidField("header.If-Match", `is not a version in quotes, like "7"`)
		}
		options.At = new(aether.Version(n))
	}
	return options, nil
}

// Plain is the input of commands to which it is no conflict that others were faster: they take
// no If-Match.
type Plain struct {
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"200" doc:"Names the command. The same key again, for the same operation upon the same thing, has no further effect and returns the first result, at any later time; with another command it is an error."`
	Traceparent    string `header:"traceparent" maxLength:"200" doc:"W3C trace context; the events keep it."`
}

// Options returns them as a host takes them, for an operation.
func (p *Plain) Options(operation string) (*actor.DoOptions, error) {
	command := Command{IdempotencyKey: p.IdempotencyKey, Traceparent: p.Traceparent}
	return command.Options(operation)
}

// CommandID returns the ID of the command that an Idempotency-Key names, "" for none.
// It is what gets into the events, so the key, which is its sender's business, is not
// to be seen in it.
func CommandID(operation, key string) string {
	if key == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(operation + "\x00" + key))
	return "key-" + hex.EncodeToString(sum[:16])
}

// ETag returns a version as HTTP has it.
func ETag(version aether.Version) string { return fmt.Sprintf(`"%d"`, version) }
