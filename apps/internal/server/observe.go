package server

import (
	"bufio"
	"context"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/aether-es/aether/apps/internal/api"
	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/projection"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// metrics are those of the server itself.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	problems *prometheus.CounterVec
}

// problem counts one.
func (m *metrics) problem(problemType string) { m.problems.WithLabelValues(problemType).Inc() }

func newMetrics(s *Server) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "aether_http_requests_total", Help: "Requests answered, by route and status.",
		}, []string{"route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "aether_http_request_seconds", Help: "Time to answer a request, by route.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}, []string{"route"}),
	}
	m.problems = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "aether_problems_total", Help: "Answers of the API that are problems, by type.",
	}, []string{"type"})
	s.registry.MustRegister(m.requests, m.seconds, m.problems, stateCollector{s},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// stateCollector reads what others count.
type stateCollector struct{ s *Server }

var (
	logPosition      = prometheus.NewDesc("aether_log_position", "Position of the last event.", nil, nil)
	projectionPlace  = prometheus.NewDesc("aether_projection_sequence", "Number of the last integration event that was applied.", []string{"projection"}, nil)
	projectionStop   = prometheus.NewDesc("aether_projection_stopped", "1 when the projection stopped before an event that it cannot apply.", []string{"projection"}, nil)
	projectionLag    = prometheus.NewDesc("aether_projection_lag", "How many events the log has from the first on that is not in the documents.", []string{"projection"}, nil)
	relayPlace       = prometheus.NewDesc("aether_relay_sequence", "Number of the last integration event that was published.", []string{"system"}, nil)
	relayLag         = prometheus.NewDesc("aether_relay_lag", "How many events the log has from the first on that was not published.", []string{"system"}, nil)
	relayStop        = prometheus.NewDesc("aether_relay_stopped", "1 when the relay stopped before an event that it cannot map.", []string{"system"}, nil)
	liveClients      = prometheus.NewDesc("aether_live_clients", "WebSocket clients.", nil, nil)
	liveTopics       = prometheus.NewDesc("aether_live_topics", "Topics that are followed, or were published to recently.", nil, nil)
	liveSent         = prometheus.NewDesc("aether_live_sent_total", "Documents and changes sent to clients.", nil, nil)
	liveConflated    = prometheus.NewDesc("aether_live_conflated_total", "Times a slow client got the newest document instead of the changes.", nil, nil)
	liveDropped      = prometheus.NewDesc("aether_live_dropped_total", "Clients that were closed since they were silent, took nothing, or broke the rules.", nil, nil)
	stateDescription = []*prometheus.Desc{logPosition, projectionPlace, projectionLag, projectionStop, relayPlace, relayLag, relayStop, liveClients, liveTopics, liveSent, liveConflated, liveDropped}
)

// Describe is for Prometheus.
func (c stateCollector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range stateDescription {
		to <- d
	}
}

// Collect is for Prometheus.
func (c stateCollector) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	counter := func(d *prometheus.Desc, value uint64) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value))
	}
	truth := map[bool]float64{true: 1}
	if position, err := c.s.latestPosition(); err == nil {
		gauge(logPosition, float64(position))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for _, p := range c.s.projectors {
		status := p.Status()
		gauge(projectionPlace, float64(status.Cursor.Sequence), status.Name)
		gauge(projectionLag, float64(c.s.lag(ctx, p.lag, status.Stream, status.Cursor)), status.Name)
		gauge(projectionStop, truth[status.State == projection.Stopped], status.Name)
	}
	for _, r := range c.s.relays {
		if r.Status().State == integration.RelayIdle {
			continue // another node has it
		}
		relay := c.s.relay(ctx, r)
		gauge(relayPlace, float64(relay.Cursor.Sequence), relay.System)
		gauge(relayLag, float64(relay.Lag), relay.System)
		gauge(relayStop, truth[relay.State == integration.RelayStopped], relay.System)
	}
	stats := c.s.Hub.Stats()
	gauge(liveClients, float64(stats.Clients))
	gauge(liveTopics, float64(stats.Topics))
	counter(liveSent, stats.Sent)
	counter(liveConflated, stats.Conflated)
	counter(liveDropped, stats.Dropped)
}

// observe logs and counts requests.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		r = r.WithContext(api.WithNote(api.WithLogger(r.Context(), s.Logger), s.metrics.problem))
		watched := &watchedWriter{ResponseWriter: w}
		next.ServeHTTP(watched, r)
		took := time.Since(start)
		route := r.Pattern // that the mux found
		if route == "" {
			route = "none"
		}
		status := watched.status
		if status == 0 {
			status = http.StatusOK
		}
		s.metrics.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
		s.metrics.seconds.WithLabelValues(route).Observe(took.Seconds())
		level := slog.LevelDebug
		if status >= 500 && r.URL.Path != "/readyz" { // to say no is what that is for
			level = slog.LevelWarn
		}
		s.Logger.Log(r.Context(), level, "request", "method", r.Method, "path", r.URL.Path, "status", status, "took", took)
	})
}

// watchedWriter notes the status of an answer.
type watchedWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the status.
func (w *watchedWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *watchedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Hijack gives the connection to the WebSocket.
func (w *watchedWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.status = http.StatusSwitchingProtocols
	return http.NewResponseController(w.ResponseWriter).Hijack()
}
