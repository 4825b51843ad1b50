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
		status.Systems = append(status.Systems, web.SystemStatus{Name: p.system, Projection: p.Status()})
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
	s.Mux.Handle("GET /metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}))

	huma.Register(s.API, huma.Operation{
		OperationID: "get-status", Method: http.MethodGet, Path: "/api/status", Tags: []string{"operation"},
		Summary: "How the server and its systems are",
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
	Name string `path:"name" doc:"Of the projection."`
}

// projectionOutput is how one is.
type projectionOutput struct{ Body projection.Status }

// projections adds what operators do about projections.
func (s *Server) projections() {
	huma.Register(s.API, huma.Operation{
		OperationID: "list-projections", Method: http.MethodGet, Path: "/api/projections", Tags: []string{"operation"},
		Summary: "How far the projections are, and which have stopped, before which event and why",
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
	steer := func(verb, summary string, do func(p projector, sequence uint64) error) {
		huma.Register(s.API, huma.Operation{
			OperationID: verb + "-projection", Method: http.MethodPost, Path: "/api/projections/{name}/" + verb, Tags: []string{"operation"},
			Summary: summary, DefaultStatus: http.StatusAccepted,
		}, func(_ context.Context, in *struct {
			ProjectionInput
			Sequence uint64 `query:"sequence" doc:"Of the event to skip."`
		}) (*projectionOutput, error) {
			for _, p := range s.projectors {
				if p.Status().Name == in.Name {
					if err := do(p, in.Sequence); err != nil {
						return nil, api.Error(err)
					}
					return &projectionOutput{p.Status()}, nil
				}
			}
			return nil, api.NewProblem(http.StatusNotFound, "there is no projection "+in.Name)
		})
	}
	steer("retry", "Try the event again before which it stopped", func(p projector, _ uint64) error { return p.Retry() })
	steer("skip", "Pass over the event before which it stopped", func(p projector, n uint64) error { return p.Skip(n) })
	steer("rebuild", "Make its documents again, beside those that answer queries meanwhile", func(p projector, _ uint64) error { p.Rebuild(); return nil })
}
