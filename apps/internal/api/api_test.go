package api_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/apps/internal/api"
	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/projection"
	"github.com/aether-es/aether/readdb"
	"github.com/danielgtaylor/huma/v2"
)

// Schemas have names that tell what they are, and problems are described as they are
// sent.
func TestSchemas(t *testing.T) {
	description := api.New(http.NewServeMux(), "test", nil)
	huma.Register(description, huma.Operation{OperationID: "make-thing", Method: http.MethodPost, Path: "/things"},
		func(context.Context, *struct {
			Body struct {
				Metadata aether.Metadata `json:"metadata"`
			}
		}) (*struct{}, error) {
			return nil, nil
		})
	schemas := description.OpenAPI().Components.Schemas.Map()
	want := []string{"AetherMetadata", "ErrorDetail", "MakeThingRequest", "Problem"}
	if got := slices.Sorted(maps.Keys(schemas)); !slices.Equal(got, want) {
		t.Fatalf("the schemas are %q, want %q", got, want)
	}
	for _, field := range []string{"type", "title", "status", "detail", "reason", "facts", "latest", "errors"} {
		if schemas["Problem"].Properties[field] == nil {
			t.Errorf("a problem has no %s", field)
		}
	}
}

// Every error of a system has one problem.
func TestError(t *testing.T) {
	unknown := &actor.UnknownError{ActorID: "grid/mars", Err: errors.New("the disk is full")}
	conflict := &aether.ConflictError{ActorID: "grid/mars", Tried: 3, Latest: 7}
	for _, test := range []struct {
		err    error
		status int
		kind   string
	}{
		{aether.Refuse("sold-out", "no more"), 409, "refused:sold-out"},
		{fmt.Errorf("pool: %w", aether.Refuse("no-pool", "there is none")), 404, "refused:no-pool"},
		{conflict, 412, "version-conflict"},
		{fmt.Errorf("%w: %w", actor.ErrContended, conflict), 503, "busy"},
		{&aether.InvalidError{Index: -1, Field: "id", Reason: "is empty"}, 422, "invalid"},
		{&aether.DuplicateError{ActorID: "grid/mars", EventID: "k/0"}, 422, "idempotency-key-reused"},
		{readdb.ErrCursor, 422, "invalid"},
		{unknown, 503, "outcome-unknown"},
		{actor.ErrBusy, 503, "busy"},
		{aether.ErrClosed, 503, "stopping"},
		{projection.ErrNotReady, 503, "unavailable"},
		{fmt.Errorf("%w: %w", projection.ErrBehind, context.DeadlineExceeded), 503, "behind"},
		{projection.ErrNotStopped, 409, "not-stopped"},
		{integration.ErrNoServer, 503, "unavailable"},
		{context.DeadlineExceeded, 503, "unavailable"},
		{fmt.Errorf("%w: %w", projection.ErrBehind, context.Canceled), api.StatusCanceled, "canceled"},
		{huma.Error422UnprocessableEntity("no"), 422, "invalid"},
		{errors.New("the disk is full"), 500, "failed"},
	} {
		p, ok := errors.AsType[*api.Problem](api.Error(test.err, "no-pool"))
		if !ok || p.Status != test.status || p.Type != "urn:aether:"+test.kind || p.Title == "" || p.Detail == "" {
			t.Errorf("%v is %+v, want %d %s", test.err, p, test.status, test.kind)
			continue
		}
		if hidden := p.Unwrap() != nil; hidden != (test.status == 500) || hidden && strings.Contains(p.Detail, "disk") {
			t.Errorf("%v: strangers are told %s, the log %v", test.err, p.Detail, p.Unwrap())
		}
	}
	if err := api.Error(nil); err != nil {
		t.Errorf("nothing is %v", err)
	}
}

// What the server fails at is logged, once, and where the server logs.
func TestFailuresAreLogged(t *testing.T) {
	var log strings.Builder
	mux := http.NewServeMux()
	description := api.New(mux, "test", slog.New(slog.NewTextHandler(&log, nil)))
	huma.Register(description, huma.Operation{OperationID: "fail", Method: http.MethodGet, Path: "/fail"},
		func(context.Context, *struct{}) (*struct{}, error) {
			return nil, api.Error(errors.New("the disk is full"))
		})
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", "/fail", nil))
	if w.Code != 500 || strings.Contains(w.Body.String(), "disk") || strings.Count(log.String(), "the disk is full") != 1 || !strings.Contains(log.String(), "operation=fail") {
		t.Errorf("the answer is %d %s, the log %s", w.Code, w.Body, log.String())
	}
}
