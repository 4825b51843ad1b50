package server

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/api"
	"github.com/aether-es/aether/apps/internal/web"
	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/projection"
	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

func (s *Server) latestPosition() (aether.Position, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return s.Store.GetLatestPosition(ctx)
}

// status is how things stand.
func (s *Server) status(ctx context.Context) (web.Status, error) {
	position, err := s.Store.GetLatestPosition(ctx)
	status := web.Status{Namespace: s.Namespace, Position: position, Live: web.LiveStatus{Clients: s.Hub.Stats().Clients}}
	for _, p := range s.projectors {
		system := web.SystemStatus{Name: p.system, Projection: p.Status()}
		for _, r := range s.relays {
			if relay := r.Status(); relay.Stream == system.Projection.Stream {
				system.Relay = &relay
			}
		}
		status.Systems = append(status.Systems, system)
	}
	return status, err
}

// ready says why requests should not come yet, or any more; "" when they should. Then
// notes are what has stopped, alone, and only that: everybody may ask.
func (s *Server) ready() (reason string, notes []string) {
	if s.stopping.Load() {
		return "the server stops", nil
	}
	if _, err := s.latestPosition(); err != nil {
		return "the event store does not answer", nil
	}
	if reason := s.unfit(); reason != "" {
		return reason, nil
	}
	for _, r := range s.relays {
		if status := r.Status(); status.State == integration.RelayStopped || status.State == integration.RelayRetrying {
			notes = append(notes, fmt.Sprintf("the relay of %s: %s; see /api/relays", status.Stream.System, status.State))
		}
	}
	for _, p := range s.projectors {
		switch status := p.Status(); {
		case status.State == projection.Stopped || status.Error != "":
			notes = append(notes, fmt.Sprintf("the projection %s: %s; see /api/projections", status.Name, status.State))
		case status.State == projection.Starting || status.State == projection.CatchingUp:
			return "the projection " + status.Name + " has not caught up yet", nil
		}
	}
	return "", notes
}

// operations adds what operators and their tools ask for.
func (s *Server) operations() {
	text := func(w http.ResponseWriter, status int, message string) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(message + "\n"))
	}
	s.Mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "ok") })
	s.Mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		reason, notes := s.ready()
		if reason != "" {
			text(w, http.StatusServiceUnavailable, reason)
			return
		}
		text(w, http.StatusOK, strings.Join(append([]string{"ready"}, notes...), "\n"))
	})
	s.Open(Public{Routes: []string{"GET /healthz", "GET /readyz"}})
	s.Mux.Handle("GET /metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}))

	huma.Register(s.API, huma.Operation{
		OperationID: "get-status", Method: http.MethodGet, Path: "/api/status", Tags: []string{"operation"},
		Summary: "Get the status", Description: "How the server and its systems are.",
	}, func(ctx context.Context, _ *struct{}) (*struct{ Body web.Status }, error) {
		status, err := s.status(ctx)
		if err != nil {
			return nil, api.NewProblem(http.StatusServiceUnavailable, "the event store does not answer")
		}
		return &struct{ Body web.Status }{status}, nil
	})
	s.projections()
	s.relayRoutes()
	s.integrationEvents()
}

// ProjectionInput names a projection.
type ProjectionInput struct {
	Name string `path:"name" example:"rover-grids" doc:"Name of the projection, as the list of them has it."`
}

// projectionOutput is how one is.
type projectionOutput struct{ Body projection.Status }

// projections adds what operators do about projections.
func (s *Server) projections() {
	huma.Register(s.API, huma.Operation{
		OperationID: "list-projections", Method: http.MethodGet, Path: "/api/projections", Tags: []string{"operation"},
		Summary: "List the projections", Description: "How far each is, and which have stopped, before which event and why.",
	}, func(context.Context, *struct{}) (*struct {
		Body struct {
			Projections []projection.Status `json:"projections"`
		}
	}, error) {
		out := &struct {
			Body struct {
				Projections []projection.Status `json:"projections"`
			}
		}{}
		for _, p := range s.projectors {
			out.Body.Projections = append(out.Body.Projections, p.Status())
		}
		return out, nil
	})
	operation := func(verb, about string) huma.Operation {
		return huma.Operation{
			OperationID: verb + "-projection", Method: http.MethodPost, Path: "/api/projections/{name}/" + verb, Tags: []string{"operation"},
			Summary: strings.ToUpper(verb[:1]) + verb[1:] + " a projection", Description: about, DefaultStatus: http.StatusAccepted,
		}
	}
	steer := func(name string, do func(p projector) error) (*projectionOutput, error) {
		for _, p := range s.projectors {
			if p.Status().Name == name {
				if err := do(p); err != nil {
					return nil, api.Error(err)
				}
				return &projectionOutput{p.Status()}, nil
			}
		}
		return nil, api.NewProblem(http.StatusNotFound, "there is no projection "+name)
	}
	huma.Register(s.API, operation("retry", "Try the event again before which it stopped."),
		func(_ context.Context, in *ProjectionInput) (*projectionOutput, error) {
			return steer(in.Name, projector.Retry)
		})
	huma.Register(s.API, operation("skip", "Pass over the event before which it stopped."),
		func(_ context.Context, in *struct {
			ProjectionInput
			Sequence uint64 `query:"sequence" required:"true" example:"7" doc:"Of the event to pass over: the one it stopped before, so that no other is passed over by mistake."`
		}) (*projectionOutput, error) {
			return steer(in.Name, func(p projector) error { return p.Skip(in.Sequence) })
		})
	huma.Register(s.API, operation("rebuild", "Make its documents again, beside those that answer queries meanwhile."),
		func(_ context.Context, in *ProjectionInput) (*projectionOutput, error) {
			return steer(in.Name, func(p projector) error { p.Rebuild(); return nil })
		})
}
