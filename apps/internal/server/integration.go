package server

import (
	"context"
	"net/http"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/api"
	"github.com/aether-es/aether/apps/internal/cloudevents"
	"github.com/aether-es/aether/integration"
	"github.com/danielgtaylor/huma/v2"
)

// integrationEvents adds the events of the systems as other services may read them.
func (s *Server) integrationEvents() {
	type page struct {
		Events []map[string]any   `json:"events" doc:"CloudEvents 1.0, in order, without gaps in their sequence."`
		Next   integration.Cursor `json:"next" doc:"Goes into the query for the next page."`
	}
	huma.Register(s.API, huma.Operation{
		OperationID: "list-integration-events", Method: http.MethodGet, Path: "/api/integration/{system}", Tags: []string{"integration"},
		Summary: "Read what a system lets other services know, as CloudEvents",
	}, func(ctx context.Context, in *struct {
		System   string          `path:"system" example:"rover"`
		Sequence uint64          `query:"sequence" doc:"The next.sequence of the page before."`
		Position aether.Position `query:"position" doc:"The next.position of the page before."`
		Limit    int             `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"About so many; the events of one position come together."`
	}) (*struct{ Body page }, error) {
		for _, h := range s.histories {
			if h.Stream().System != in.System {
				continue
			}
			out := &struct{ Body page }{page{Events: []map[string]any{}, Next: integration.Cursor{Sequence: in.Sequence, Position: in.Position}}}
			for e, err := range h.Read(ctx, out.Body.Next) {
				var c map[string]any
				if err == nil {
					c, err = cloudevents.Attributes(e)
				}
				if err != nil {
					return nil, api.Error(err)
				}
				out.Body.Events = append(out.Body.Events, c)
				out.Body.Next = integration.Cursor{Sequence: e.Sequence, Position: e.Position}
				if len(out.Body.Events) >= in.Limit && e.Last {
					break
				}
			}
			return out, nil
		}
		return nil, huma.Error404NotFound("there is no system " + in.System)
	})
}
