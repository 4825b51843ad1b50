package server

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"

	"github.com/aether-es/aether/apps/internal/api"
	"github.com/aether-es/aether/apps/internal/cloudevents"
	"github.com/aether-es/aether/integration"
	"github.com/danielgtaylor/huma/v2"
)

// pageCursor is the place behind a page of integration events. It is told as one text
// that others do not look into.
type pageCursor struct {
	integration.Cursor
	Mark string `json:"mark"` // of the last event of the page; see [integration.History.Mark]
}

func (c pageCursor) String() string {
	text, _ := json.Marshal(c) // numbers and a text: it cannot fail
	return base64.RawURLEncoding.EncodeToString(text)
}

// readCursor returns the place of a cursor, which must be one of a history: an event
// of another one, before a backup was restored, is no place in it.
func readCursor(ctx context.Context, h integration.History, text string) (integration.Cursor, error) {
	var c pageCursor
	if text == "" {
		return c.Cursor, nil
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	if err != nil || c.Position == 0 || c.Sequence == 0 || c.Mark == "" {
		return c.Cursor, api.InvalidField("query.after", "is not the next of a page of these events")
	}
	mark, err := h.Mark(ctx, c.Cursor)
	if err != nil {
		return c.Cursor, api.Error(err)
	}
	if mark != c.Mark {
		return c.Cursor, api.InvalidField("query.after", "is of events that are not there, or not any more: read them from the beginning")
	}
	return c.Cursor, nil
}

// integrationPage is a page of events.
type integrationPage struct {
	Events []map[string]any `json:"events" doc:"CloudEvents 1.0, in order, without gaps in their sequence."`
	Next   string           `json:"next" doc:"Goes into the query for the next page, as after; also when this one has no events yet."`
}

// integrationEvents adds the events of the systems as other services may read them.
func (s *Server) integrationEvents() {
	huma.Register(s.API, huma.Operation{
		OperationID: "list-integration-events", Method: http.MethodGet, Path: "/api/integration/{system}", Tags: []string{"integration"},
		Summary: "Read integration events", Description: "What a system lets other services know, as CloudEvents.",
	}, func(ctx context.Context, in *struct {
		System string `path:"system" example:"rover" doc:"Its name."`
		After  string `query:"after" maxLength:"500" doc:"The next of the page before; without it, the first page."`
		Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"About so many; the events of one position come together."`
	}) (*struct{ Body integrationPage }, error) {
		for _, h := range s.histories {
			if h.Stream().System != in.System {
				continue
			}
			page, err := readPage(ctx, h, in.After, in.Limit)
			return &struct{ Body integrationPage }{page}, err
		}
		return nil, api.NewProblem(http.StatusNotFound, "there is no system "+in.System)
	})
}

// readPage reads at least so many events, if there are so many, up to the last of a
// position.
func readPage(ctx context.Context, h integration.History, after string, limit int) (integrationPage, error) {
	page := integrationPage{Events: []map[string]any{}, Next: after}
	cursor, err := readCursor(ctx, h, after)
	if err != nil {
		return page, err
	}
	var last integration.Event
	for e, err := range h.Read(ctx, cursor) {
		var c map[string]any
		if err == nil {
			c, err = cloudevents.Attributes(e)
		}
		if err != nil {
			return page, api.Error(err)
		}
		page.Events = append(page.Events, c)
		last = e
		if len(page.Events) >= limit && e.Last {
			break
		}
	}
	if len(page.Events) > 0 {
		page.Next = pageCursor{integration.Cursor{Sequence: last.Sequence, Position: last.Position}, last.Digest()}.String()
	}
	return page, nil
}
