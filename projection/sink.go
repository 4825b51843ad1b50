package projection

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/readdb"
)

// Sink is where a [Follower] writes: a transaction Tx changes what a projection makes of
// the events, and is committed together with a checkpoint, or not at all. The follower
// uses one transaction at a time.
type Sink[Tx any] interface {
	// Checkpoint returns that of the last commit, nil when there was none. With
	// [ErrNewer] it ends the follower.
	Checkpoint(ctx context.Context) ([]byte, error)

	// Begin begins a transaction; Commit or Rollback ends it. It may fail with [ErrMoved],
	// after which the follower asks for the checkpoint again.
	Begin(ctx context.Context) (Tx, error)
	Commit(ctx context.Context, tx Tx, checkpoint []byte) error
	Rollback(tx Tx)

	// Clear removes everything that was committed, and the checkpoint.
	Clear(ctx context.Context) error

	// IsFault says that an error which came out of Apply is not the event's but the
	// sink's, like a connection that was lost: then the events are applied again.
	IsFault(err error) bool
}

var (
	// ErrMoved says that another process has committed since this one did.
	ErrMoved = errors.New("projection: another process has moved on")

	// ErrNewer says that what is there was made by a newer version of the projection.
	ErrNewer = errors.New("projection: it was made by a newer version")
)

// checkpoint is what is kept with the documents.
type checkpoint struct {
	Stream integration.Stream `json:"stream"`
	Cursor integration.Cursor `json:"cursor"`
	Mark   string             `json:"mark"` // the digest of the last event before the cursor
}

// CursorOf returns up to where the events are in the documents of a space, or of a
// view: in the latter the documents and the cursor are those of one moment.
func CursorOf(r readdb.Reader) (integration.Cursor, error) {
	data, err := r.Checkpoint()
	if err != nil || data == nil {
		return integration.Cursor{}, err
	}
	var c checkpoint
	if err := json.Unmarshal(data, &c); err != nil {
		return integration.Cursor{}, fmt.Errorf("projection: the checkpoint is not of a projection: %w", err)
	}
	return c.Cursor, nil
}

// spaceSink is a space of a read DB.
type spaceSink struct {
	space *readdb.Space

	// clearing is called before the space is cleared.
	clearing func() error
}

var _ Sink[*readdb.Tx] = (*spaceSink)(nil)

func (s *spaceSink) Checkpoint(context.Context) ([]byte, error) { return s.space.Checkpoint() }

func (s *spaceSink) Begin(context.Context) (*readdb.Tx, error) { return s.space.Begin(), nil }

func (s *spaceSink) Commit(_ context.Context, tx *readdb.Tx, checkpoint []byte) error {
	return tx.Commit(checkpoint)
}

func (s *spaceSink) Rollback(*readdb.Tx) {} // one that is not committed is simply left

func (s *spaceSink) Clear(context.Context) error {
	if err := s.clearing(); err != nil {
		return err
	}
	return s.space.Drop()
}

func (s *spaceSink) IsFault(err error) bool {
	_, path := errors.AsType[*fs.PathError](err)
	_, errno := errors.AsType[syscall.Errno](err)
	return path || errno || errors.Is(err, readdb.ErrClosed) || errors.Is(err, readdb.ErrDamaged) || errors.Is(err, readdb.ErrConflict)
}
