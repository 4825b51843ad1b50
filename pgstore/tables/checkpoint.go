package tables

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aether-es/aether/integration"
	"github.com/jackc/pgx/v5"
)

// checkpoint is how far a projection has come, and of which history.
type checkpoint struct {
	Stream integration.Stream `json:"stream"`
	Cursor integration.Cursor `json:"cursor"`
	Mark   string             `json:"mark"` // the digest of the last event before the cursor
}

// ErrNewer says that the rows were made by a newer version of the projection.
var ErrNewer = errors.New("tables: the rows are of a newer version")

// load reads the checkpoint, nil when there is none. With lock it is locked until the
// transaction ends, so that only one process applies events at a time.
func (p *Projector) load(ctx context.Context, tx pgx.Tx, lock bool) (version int, c *checkpoint, err error) {
	query := "SELECT version, checkpoint FROM " + p.table + " WHERE name = $1"
	if lock {
		query += " FOR UPDATE"
	}
	var text string
	switch err := tx.QueryRow(ctx, query, p.projection.Name).Scan(&version, &text); {
	case errors.Is(err, pgx.ErrNoRows):
		return 0, nil, nil
	case err != nil:
		return 0, nil, fmt.Errorf("tables: read the checkpoint: %w", err)
	}
	c = new(checkpoint)
	if json.Unmarshal([]byte(text), c) != nil {
		return version, nil, nil // of another program: it is as good as none
	}
	return version, c, nil
}

func (p *Projector) store(ctx context.Context, tx pgx.Tx, c checkpoint) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "INSERT INTO "+p.table+" (name, version, checkpoint) VALUES ($1, $2, $3)"+
		" ON CONFLICT (name) DO UPDATE SET version = excluded.version, checkpoint = excluded.checkpoint",
		p.projection.Name, p.projection.Version, string(text))
	if err != nil {
		return fmt.Errorf("tables: write the checkpoint: %w", err)
	}
	return nil
}

// open returns where to go on. When there is no checkpoint, or it is of another version
// or another history, everything is made again from the beginning.
func (p *Projector) open(ctx context.Context) (integration.Cursor, error) {
	tx, err := p.pool.Begin(ctx)
	if err != nil {
		return integration.Cursor{}, fmt.Errorf("tables: begin: %w", err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) // does nothing after Commit
	version, at, err := p.load(ctx, tx, true)
	if err != nil {
		return integration.Cursor{}, err
	}
	if at != nil && version == p.projection.Version && at.Stream == p.history.Stream() {
		mark := at.Mark
		if at.Cursor != (integration.Cursor{}) {
			if mark, err = p.history.Mark(ctx, at.Cursor); err != nil {
				return integration.Cursor{}, err
			}
		}
		if mark == at.Mark {
			return at.Cursor, nil
		}
		p.options.Logger.Warn("tables: the rows were made of other events; making them again")
	}
	if version > p.projection.Version {
		return integration.Cursor{}, fmt.Errorf("%w: projection %q is at version %d in the database, the program has %d", ErrNewer, p.projection.Name, version, p.projection.Version)
	}
	if err := p.guard(func() error { return p.projection.Reset(ctx, tx) }); err != nil {
		return integration.Cursor{}, fmt.Errorf("tables: reset %q: %w", p.projection.Name, err)
	}
	if err := p.store(ctx, tx, checkpoint{Stream: p.history.Stream()}); err != nil {
		return integration.Cursor{}, err
	}
	if err := tx.Commit(ctx); err != nil {
		return integration.Cursor{}, fmt.Errorf("tables: commit: %w", err)
	}
	return integration.Cursor{}, nil
}
