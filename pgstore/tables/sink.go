package tables

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/aether-es/aether/projection"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// sink is a database, as a follower sees it.
type sink struct {
	pool       *pgxpool.Pool
	projection Projection
	table      string // of the checkpoints

	checkpoint string // the one that this process believes to be the last
}

var _ projection.Sink[pgx.Tx] = (*sink)(nil)

// load reads the checkpoint, and locks it until the transaction ends, so that one process
// at a time applies events. The version is 0 when there is none.
func (s *sink) load(ctx context.Context, tx pgx.Tx) (version int, checkpoint string, err error) {
	// A row that is not there cannot be locked.
	if _, err = tx.Exec(ctx, "INSERT INTO "+s.table+" (name, version, checkpoint) VALUES ($1, 0, '') ON CONFLICT DO NOTHING", s.projection.Name); err != nil {
		return 0, "", fmt.Errorf("tables: read the checkpoint: %w", err)
	}
	err = tx.QueryRow(ctx, "SELECT version, checkpoint FROM "+s.table+" WHERE name = $1 FOR UPDATE", s.projection.Name).Scan(&version, &checkpoint)
	if err != nil {
		return 0, "", fmt.Errorf("tables: read the checkpoint: %w", err)
	}
	return version, checkpoint, nil
}

func (s *sink) store(ctx context.Context, tx pgx.Tx, checkpoint string) error {
	_, err := tx.Exec(ctx, "UPDATE "+s.table+" SET version = $2, checkpoint = $3 WHERE name = $1", s.projection.Name, s.projection.Version, checkpoint)
	if err != nil {
		return fmt.Errorf("tables: write the checkpoint: %w", err)
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("tables: commit: %w", err)
	}
	s.checkpoint = checkpoint
	return nil
}

// within runs something in a transaction, which it commits itself.
func (s *sink) within(ctx context.Context, run func(tx pgx.Tx) error) error {
	tx, err := s.pool.Begin(ctx)
	if err != nil {
		return fmt.Errorf("tables: begin: %w", err)
	}
	defer s.Rollback(tx) // does nothing after a commit
	return run(tx)
}

// Checkpoint makes the tables where they are not there, or are those of an older version.
func (s *sink) Checkpoint(ctx context.Context) (checkpoint []byte, err error) {
	err = s.within(ctx, func(tx pgx.Tx) error {
		version, text, err := s.load(ctx, tx)
		switch {
		case err != nil:
			return err
		case version > s.projection.Version:
			return fmt.Errorf("tables: %w: projection %q is at version %d in the database, the program has %d", projection.ErrNewer, s.projection.Name, version, s.projection.Version)
		case version < s.projection.Version || text == "":
			return s.reset(ctx, tx)
		}
		s.checkpoint, checkpoint = text, []byte(text)
		return nil
	})
	return checkpoint, err
}

func (s *sink) reset(ctx context.Context, tx pgx.Tx) error {
	if err := s.projection.Reset(ctx, tx); err != nil {
		return fmt.Errorf("tables: reset %q: %w", s.projection.Name, err)
	}
	return s.store(ctx, tx, "")
}

func (s *sink) Begin(ctx context.Context) (pgx.Tx, error) {
	tx, err := s.pool.Begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("tables: begin: %w", err)
	}
	version, checkpoint, err := s.load(ctx, tx)
	if err == nil && (version != s.projection.Version || checkpoint != s.checkpoint) {
		err = projection.ErrMoved
	}
	if err != nil {
		s.Rollback(tx)
		return nil, err
	}
	return tx, nil
}

func (s *sink) Commit(ctx context.Context, tx pgx.Tx, checkpoint []byte) error {
	err := s.store(ctx, tx, string(checkpoint))
	if err != nil {
		s.Rollback(tx)
	}
	return err
}

func (s *sink) Rollback(tx pgx.Tx) {
	_ = tx.Rollback(context.Background()) // what cannot be rolled back is, when its connection ends
}

func (s *sink) Clear(ctx context.Context) error {
	return s.within(ctx, func(tx pgx.Tx) error {
		if _, _, err := s.load(ctx, tx); err != nil {
			return err
		}
		return s.reset(ctx, tx)
	})
}

// IsFault is about errors of Apply: those that the server has about a statement are the
// event's, unless it has ended the connection.
func (s *sink) IsFault(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch pg.Code[:2] {
		case "08", "57", "53", "40", "55":
			return true // the connection, an operator, resources, a deadlock, a lock
		}
		return false
	}
	_, network := errors.AsType[net.Error](err)
	return network || pgconn.Timeout(err) || pgconn.SafeToRetry(err) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, pgx.ErrTxClosed)
}
