package main

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/aether-es/aether/apps/internal/server"
	"github.com/aether-es/aether/readdb"
)

var notes = readdb.NewCollection("notes", func(s string) string { return s })

// A node that joins begins with the read DB of another, where it gets all of it.
func TestJoin(t *testing.T) {
	logger := slog.New(slog.DiscardHandler)
	theirs, err := readdb.New(readdb.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	tx := theirs.Space("s@1").Begin()
	if err := errors.Join(notes.Put(tx, "hello"), tx.Commit([]byte("7"))); err != nil {
		t.Fatal(err)
	}
	var cut atomic.Bool
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path != server.ReadDBPath || r.Header.Get("Authorization") != "Bearer secret":
			w.WriteHeader(http.StatusUnauthorized)
		case cut.Load():
			_, _ = io.WriteString(w, "aether read DB 1\n")
			panic(http.ErrAbortHandler)
		default:
			_ = theirs.Dump(w)
		}
	}))
	node.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	defer node.Close()

	folder := filepath.Join(t.TempDir(), "new", "readdb")
	joinReadDB(t.Context(), folder, node.URL, "wrong", logger)
	cut.Store(true)
	joinReadDB(t.Context(), folder, node.URL, "secret", logger)
	joinReadDB(t.Context(), folder, "http://127.0.0.1:1", "secret", logger)
	if left, err := filepath.Glob(folder + "*"); err != nil || left != nil {
		t.Errorf("attempts that failed leave %v, %v", left, err)
	}
	cut.Store(false)
	joinReadDB(t.Context(), folder, node.URL, "secret", logger)
	ours, _, err := openReadDB(folder, logger)
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	if _, found, err := notes.Get(ours.Space("s@1"), "hello"); !found || err != nil {
		t.Errorf("the document is not there: %v", err)
	}
	if checkpoint, err := ours.Space("s@1").Checkpoint(); string(checkpoint) != "7" || err != nil {
		t.Errorf("the checkpoint is %q, %v", checkpoint, err)
	}

	// What is there already stays.
	kept := t.TempDir()
	joinReadDB(t.Context(), kept, node.URL, "secret", logger)
	if entries, err := os.ReadDir(kept); err != nil || len(entries) != 0 {
		t.Errorf("a read DB that was there has %v, %v", entries, err)
	}
	for address, ok := range map[string]bool{"": true, "http://a:1": true, "https://a": true, "a:1": false, "ftp://a": false, "http://": false, "\x7f": false} {
		if err := checkJoin(address); (err == nil) != ok {
			t.Errorf("--join %q: %v", address, err)
		}
	}
}
