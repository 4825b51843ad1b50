package server

import (
	"context"
	"net/http"
	"sync"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/api"
	"github.com/aether-es/aether/integration"
	"github.com/danielgtaylor/huma/v2"
)

// lagMeter says how far somebody is behind the log. It remembers up to where nothing
// of the log is for them, so that each part of the log is looked at once.
type lagMeter struct {
	mu     sync.Mutex
	cursor integration.Cursor
	upTo   aether.Position
}

// read returns how many positions of the log lie from the first event that is behind
// the cursor, and of the history, up to the latest; 0 when there is no such event.
func (l *lagMeter) read(ctx context.Context, h integration.History, cursor integration.Cursor, latest aether.Position) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cursor != cursor {
		l.cursor, l.upTo = cursor, cursor.Position
	}
	if l.upTo >= latest || h == nil {
		return 0
	}
	switch next, err := h.Next(ctx, integration.Cursor{Sequence: cursor.Sequence, Position: l.upTo}, latest); {
	case err != nil: // it cannot be mapped, or read: that is behind, too
		return uint64(latest - l.upTo)
	case next == 0:
		l.upTo = latest
		return 0
	default:
		return uint64(latest - next + 1)
	}
}

// history returns that of a stream, nil when there is none.
func (s *Server) history(stream integration.Stream) integration.History {
	for _, h := range s.histories {
		if h.Stream() == stream {
			return h
		}
	}
	return nil
}

// lag returns how far a cursor of a stream is behind the log.
func (s *Server) lag(ctx context.Context, l *lagMeter, stream integration.Stream, cursor integration.Cursor) uint64 {
	latest, err := s.latestPosition()
	if err != nil {
		return 0 // the position is missing in the metrics, and /readyz says why
	}
	return l.read(ctx, s.history(stream), cursor, latest)
}

// RelayDocument is how a relay is.
type RelayDocument struct {
	System string `json:"system"`
	integration.RelayStatus
	Lag uint64 `json:"lag" doc:"How many events the log has from the first on that was not published yet."`
}

func (s *Server) relay(ctx context.Context, r relay) RelayDocument {
	status := r.Status()
	if status.State == integration.RelayIdle { // another node has it, and knows
		return RelayDocument{System: status.Stream.System, RelayStatus: status}
	}
	return RelayDocument{System: status.Stream.System, RelayStatus: status, Lag: s.lag(ctx, r.lag, status.Stream, status.Cursor)}
}

// relayRoutes adds what operators do about relays.
func (s *Server) relayRoutes() {
	type list struct {
		Relays []RelayDocument `json:"relays"`
	}
	huma.Register(s.API, huma.Operation{
		OperationID: "list-relays", Method: http.MethodGet, Path: "/api/relays", Tags: []string{"operation"},
		Summary:     "List the relays",
		Description: "How far the relays are, which publish the integration events of the systems, and which have stopped, before which event and why.",
	}, func(ctx context.Context, _ *struct{}) (*struct{ Body list }, error) {
		out := list{Relays: []RelayDocument{}}
		for _, r := range s.relays {
			out.Relays = append(out.Relays, s.relay(ctx, r))
		}
		return &struct{ Body list }{out}, nil
	})
	huma.Register(s.API, huma.Operation{
		OperationID: "retry-relay", Method: http.MethodPost, Path: "/api/relays/{system}/retry", Tags: []string{"operation"},
		Summary: "Retry a relay", Description: "Tries the event again before which it stopped, or what it waits to try again.",
		DefaultStatus: http.StatusAccepted,
	}, func(ctx context.Context, in *struct {
		System string `path:"system" doc:"Whose relay it is."`
	}) (*struct{ Body RelayDocument }, error) {
		for _, r := range s.relays {
			if r.Status().Stream.System == in.System {
				r.Retry()
				return &struct{ Body RelayDocument }{s.relay(ctx, r)}, nil
			}
		}
		return nil, api.NewProblem(http.StatusNotFound, "there is no relay of "+in.System)
	})
}
