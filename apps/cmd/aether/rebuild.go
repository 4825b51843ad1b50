package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/aether-es/aether"
	roversystem "github.com/aether-es/aether/apps/rover"
	"github.com/aether-es/aether/filestore"
	filereaddb "github.com/aether-es/aether/filestore/readdb"
	"github.com/spf13/cobra"
)

func newRebuildCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rebuild",
		Short: "Make the read DB again from the events",
		Long: `Rebuild drops the read DB of the store and makes it again from the events, while no server
runs. A server that runs rebuilds without an interruption:

  curl -X POST http://127.0.0.1:8080/api/projections/rover-grids/rebuild`,
		Example: `  aether rebuild --data /srv/aether`,
		Args:    arguments(0, 0, ""),
		RunE:    func(cmd *cobra.Command, _ []string) error { return p.rebuild(cmd) },
	}
	p.addNamespace(cmd)
	p.addWait(cmd)
	return cmd
}

func (p *program) rebuild(cmd *cobra.Command) error {
	ctx := cmd.Context()
	if !p.hasStore(ctx) {
		return p.explainOpen(filestore.ErrNotFound)
	}
	// Whoever has the store has the read DB.
	return p.withStore(ctx, func(store aether.EventStore) (err error) {
		folder := filepath.Join(p.dir, readDBFolder)
		if err := filereaddb.Remove(folder); err != nil {
			return err
		}
		logger := slog.New(&warnings{console: p.console, json: p.json})
		db, err := openReadDB(folder, logger)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
		rovers, err := roversystem.New(store, p.namespace, db, nil, nil, logger)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rovers.Close()) }()
		start := time.Now()
		status, err := rovers.Project(ctx)
		if err != nil {
			return err
		}
		if p.json {
			return json.NewEncoder(p.stdout).Encode(status)
		}
		_, err = fmt.Fprintf(p.stdout, "%s: made of %d events in %v\n", status.Name, status.Cursor.Sequence, time.Since(start).Round(time.Millisecond))
		return err
	})
}
