package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/node"
	"github.com/aether-es/aether/filestore"
	"github.com/spf13/cobra"
)

func newRebuildCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rebuild",
		Short: "Make the read DB again from the events",
		Long: `Rebuild makes the read models of a namespace again from the events, while no server runs, and
drops the former ones; those of other namespaces stay as they are. A server that runs
rebuilds without an interruption:

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
	return p.withNode(ctx, "", func(n *node.Node) (err error) {
		logger := slog.New(&warnings{console: p.console, json: p.json})
		db, _, err := openReadDB(filepath.Join(p.dir, readDBFolder), logger)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
		store, err := n.Engine.Namespace(ctx, p.namespace)
		if err != nil {
			return err
		}
		systems, err := openSystems(node.Parts{Store: store, Namespace: p.namespace, Roles: node.Roles{node.Query}, DB: db, Logger: logger}, systemConfigs{})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, systems.close()) }()
		latest, err := store.GetLatestPosition(ctx)
		if err != nil {
			return err
		}
		for _, s := range systems.all() {
			if err := p.rebuildOne(ctx, s, latest); err != nil {
				return err
			}
		}
		return nil
	})
}

func (p *program) rebuildOne(ctx context.Context, s system, latest aether.Position) error {
	start := time.Now()
	stop := p.showRebuild(s, latest)
	status, err := s.Rebuild(ctx)
	stop()
	if err != nil {
		return err
	}
	if p.json {
		return json.NewEncoder(p.stdout).Encode(status)
	}
	_, err = fmt.Fprintf(p.stdout, "%s: made of %d events in %v\n", status.Name, status.Cursor.Sequence, time.Since(start).Round(time.Millisecond))
	return err
}

// showRebuild shows how far the read model is that is made, until stop is called.
func (p *program) showRebuild(s system, latest aether.Position) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(terminalEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
			case <-done:
				return
			}
			if status := s.Status(); status.Building != nil {
				p.console.progress(func() string {
					at := status.Building.Cursor.Position
					return fmt.Sprintf("%s: position %d of %d, %d %%", status.Name, at, latest, 100*at/max(latest, 1))
				})
			}
		}
	}()
	return func() { close(done); <-ended; p.console.clear() }
}
