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
		return fmt.Errorf("--join %q is no URL of a node: write http://host:port", address)
	}
	return nil
}

// joinReadDB makes the read DB of that of another node, if there is none. What does not
// work is no failure: the events have it all.
func joinReadDB(ctx context.Context, folder, address, token string, logger *slog.Logger) {
	if _, err := os.Stat(folder); err == nil {
		return
	}
	if err := fetchReadDB(ctx, folder, address, token); err != nil {
		logger.Warn("the read DB of the other node was not to be had, and is made from the events", "node", address, "error", err)
		return
	}
	logger.Info("began with the read DB of another node", "node", address)
}

func fetchReadDB(ctx context.Context, folder, address, token string) (err error) {
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
	response, err := http.DefaultClient.Do(r)
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
	if err := loadReadDB(part, response.Body); err != nil {
		return err
	}
	return os.Rename(part, folder)
}

func loadReadDB(folder string, dump io.Reader) error {
	kv, err := filereaddb.Open(folder, nil)
	if err != nil {
		return err
	}
	return errors.Join(readdb.Load(kv, dump), kv.Close())
}
