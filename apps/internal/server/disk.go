package server

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/aether-es/aether/readdb"
	"github.com/prometheus/client_golang/prometheus"
)

// WatchReadDB has /readyz fail while a read DB says that it keeps nothing any more.
func (s *Server) WatchReadDB(check func() error) { s.readDB = check }

// ShareReadDB lets a node that joins begin with what this one has in its read DB.
func (s *Server) ShareReadDB(db *readdb.DB) {
	s.Mux.HandleFunc("GET "+ReadDBPath, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		if err := db.Dump(&timedWriter{w, http.NewResponseController(w)}); err != nil {
			s.Logger.Warn("a node that joins did not get the whole read DB", "error", err, "from", r.RemoteAddr)
			panic(http.ErrAbortHandler) // so that it does not take the rest for an end
		}
	})
}

// timedWriter gives up on a reader that takes nothing, since a dump holds on to what is
// replaced meanwhile.
type timedWriter struct {
	io.Writer
	control *http.ResponseController
}

// Write is that of an io.Writer.
func (w *timedWriter) Write(b []byte) (int, error) {
	_ = w.control.SetWriteDeadline(time.Now().Add(30 * time.Second)) // a connection without deadlines has none
	return w.Writer.Write(b)
}

// ReadDBPath is where [Server.ShareReadDB] answers, with what [readdb.Load] reads.
const ReadDBPath = "/api/read-db"

// unfit says why the read DB keeps nothing any more, "" when it does.
func (s *Server) unfit() string {
	if s.readDB == nil {
		return ""
	}
	switch err := s.readDB(); {
	case err == nil, errors.Is(err, readdb.ErrClosed): // the latter when the server stops
		return ""
	case errors.Is(err, readdb.ErrDamaged):
		return "the read DB is damaged; a restart makes it again"
	default:
		return "the read DB has stopped, its disk failed or its folder is gone; a restart opens it again"
	}
}

// WatchStore adds to the metrics how much space the disk of the store has left, and how
// many saves have failed.
func (s *Server) WatchStore(stats func() (free, failed uint64, err error)) {
	s.registry.MustRegister(storeCollector(stats))
}

// storeCollector asks the store.
type storeCollector func() (free, failed uint64, err error)

var (
	storeFree   = prometheus.NewDesc("aether_store_free_bytes", "How much space the disk of the store has left.", nil, nil)
	storeFailed = prometheus.NewDesc("aether_store_failed_saves_total", "Saves that failed since the disk was full, or the store has stopped.", nil, nil)
)

// Describe is for Prometheus.
func (storeCollector) Describe(to chan<- *prometheus.Desc) {
	to <- storeFree
	to <- storeFailed
}

// Collect is for Prometheus.
func (stats storeCollector) Collect(to chan<- prometheus.Metric) {
	free, failed, err := stats()
	if err == nil { // else the file system does not tell
		to <- prometheus.MustNewConstMetric(storeFree, prometheus.GaugeValue, float64(free))
	}
	to <- prometheus.MustNewConstMetric(storeFailed, prometheus.CounterValue, float64(failed))
}
