package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/aether-es/aether/apps/internal/server"
	filereaddb "github.com/aether-es/aether/filestore/readdb"
	"github.com/aether-es/aether/readdb"
)

// openReadDB opens the read DB; a damaged one is made again, since the events have it
// all. What it returns beside says why the read DB keeps nothing any more.
func openReadDB(folder string, logger *slog.Logger) (*readdb.DB, func() error, error) {
	open := func() (*readdb.DB, func() error, error) {
		kv, err := filereaddb.Open(folder, &filereaddb.Options{Logger: logger})
		if err != nil {
			return nil, nil, err
		}
		db, err := readdb.New(kv)
		if err != nil {
			return nil, nil, errors.Join(err, kv.Close())
		}
		return db, kv.Check, nil
	}
	db, check, err := open()
	if errors.Is(err, readdb.ErrDamaged) {
		logger.Warn("the read DB is damaged and is made again from the events", "folder", folder, "error", err)
		if err := filereaddb.Remove(folder); err != nil {
			return nil, nil, err
		}
		return open()
	}
	return db, check, err
}

// checkJoin looks at the address of the node to begin with.
func checkJoin(address string) error {
	if address == "" {
		return nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errors.New("--join is no URL of a node: write http://host:port")
	}
	return nil
}

// joinReadDB makes the read DB of that of another node, if there is none. What does not
// work is no failure: the events have it all.
func joinReadDB(ctx context.Context, folder, address, token string, logger *slog.Logger) {
	if _, err := os.Stat(folder); err == nil {
		return
	}
	host := ""
	if u, err := url.Parse(address); err == nil {
		host = u.Host // without a password
	}
	logger.Info("getting the read DB of another node", "node", host)
	if err := fetchReadDB(ctx, folder, address, token); err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		logger.Warn("the read DB of the other node was not to be had, and is made from the events", "node", host, "error", err)
	}
}

// joinPatience is how long the other node may say nothing.
const joinPatience = 10 * time.Second

func fetchReadDB(ctx context.Context, folder, address, token string) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	path, err := url.JoinPath(address, server.ReadDBPath)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	client := &http.Client{Transport: &http.Transport{ResponseHeaderTimeout: joinPatience}}
	defer client.CloseIdleConnections()
	response, err := client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("it answered %s", response.Status)
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return err
	}
	part := folder + ".part"
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(part)) }()
	silence := time.AfterFunc(joinPatience, cancel)
	defer silence.Stop()
	if err := loadReadDB(part, &heard{response.Body, silence}); err != nil {
		return err
	}
	return os.Rename(part, folder)
}

// heard puts the end of a silence off whenever something comes.
type heard struct {
	io.Reader
	silence *time.Timer
}

// Read is that of an io.Reader.
func (h *heard) Read(b []byte) (int, error) {
	n, err := h.Reader.Read(b)
	h.silence.Reset(joinPatience)
	return n, err
}

func loadReadDB(folder string, dump io.Reader) error {
	kv, err := filereaddb.Open(folder, nil)
	if err != nil {
		return err
	}
	return errors.Join(readdb.Load(kv, dump), kv.Close())
}
