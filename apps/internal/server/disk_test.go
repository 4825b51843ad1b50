package server_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aether-es/aether/apps/internal/server"
	"github.com/aether-es/aether/memstore"
	"github.com/aether-es/aether/readdb"
)

// A read DB that keeps nothing any more makes the server unfit, which the log does not
// repeat with every probe; the disk and the problems are in the metrics.
func TestDisk(t *testing.T) {
	engine := memstore.New()
	defer engine.Close()
	store, err := engine.Namespace(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s, err := server.New(server.Config{Store: store, Namespace: "test", Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	var fault atomic.Pointer[error]
	s.WatchReadDB(func() error { return *fault.Load() })
	free := errors.New("it does not tell")
	s.WatchStore(func() (uint64, uint64, error) { return 4096, 7, free })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, listener, nil) }()
	url := "http://" + listener.Addr().String()
	for _, test := range []struct {
		err    error
		status int
		want   string
	}{
		{nil, http.StatusOK, "ready"},
		{fmt.Errorf("secret: %w", readdb.ErrClosed), http.StatusOK, "ready"},
		{errors.New("secret"), http.StatusServiceUnavailable, "the read DB has stopped"},
		{&readdb.DamageError{What: "secret", Err: errors.New("secret")}, http.StatusServiceUnavailable, "the read DB is damaged; a restart makes it again"},
	} {
		fault.Store(&test.err)
		status, _, body := get(t, http.DefaultClient, "GET", url+"/readyz")
		if status != test.status || !strings.HasPrefix(body, test.want) || strings.Contains(body, "secret") {
			t.Errorf("readyz after %v: %d %s", test.err, status, body)
		}
	}
	get(t, http.DefaultClient, "GET", url+"/api/nothing")
	_, _, metrics := get(t, http.DefaultClient, "GET", url+"/metrics")
	for _, want := range []string{"aether_store_failed_saves_total 7", `aether_problems_total{type="urn:aether:not-found"} 1`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if strings.Contains(metrics, "aether_store_free_bytes 4096") {
		t.Error("the metrics have the free space, which is not known")
	}
	free = nil
	if _, _, metrics := get(t, http.DefaultClient, "GET", url+"/metrics"); !strings.Contains(metrics, "aether_store_free_bytes 4096") {
		t.Error("the metrics lack the free space")
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if strings.Contains(log.String(), "readyz") {
		t.Errorf("the log is %s", log.String())
	}
}
