package natsstore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/aether-es/aether"
	"github.com/nats-io/nats.go"
)

// live is a namespace that has a stream: its copy, what feeds that, and what sends saves.
type live struct {
	conn      *Conn
	copy      *localCopy
	feed      *feed
	committer *committer
	fresh     freshness

	ctx  context.Context // ends when the engine is closed, after the saves
	stop context.CancelFunc
	done sync.WaitGroup
	sent chan struct{} // closed when the committer has ended
}

// openLive opens the copy of a stream that exists.
func openLive(ctx context.Context, conn *Conn, dir, namespace string) (*live, error) {
	stream := conn.names.stream(eventsRole, namespace)
	var state *streamState
	err := conn.try(ctx, "open", func(ctx context.Context) (err error) {
		if state, err = conn.streamState(ctx, stream); isNotFound(err) {
			err = fmt.Errorf("it is being made: %w", nats.ErrTimeout)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	folder := filepath.Join(dir, placeName(namespace))
	files, err := openCopy(ctx, folder, namespace, state.Config.Metadata[metaID], conn.logger)
	if err != nil {
		return nil, err
	}
	c, err := newLocalCopy(ctx, files, conn.names, namespace, conn.logger)
	if err == nil {
		err = verifyCopy(ctx, conn, c, state)
		if errors.Is(err, ErrLost) {
			aside, moveErr := files.setAside()
			if moveErr != nil {
				return nil, errors.Join(err, moveErr)
			}
			conn.logger.Error("natsstore: the stream does not have what was copied from it; the copy is kept, and another made", "kept", aside, "error", err)
			if files, err = openCopy(ctx, folder, namespace, state.Config.Metadata[metaID], conn.logger); err != nil {
				return nil, err
			}
			c, err = newLocalCopy(ctx, files, conn.names, namespace, conn.logger)
		}
	}
	if err != nil {
		return nil, errors.Join(err, files.close())
	}
	l := &live{conn: conn, copy: c, feed: newFeed(conn, c), sent: make(chan struct{})}
	l.ctx, l.stop = context.WithCancel(context.Background())
	l.committer = newCommitter(l, state.replicated())
	l.fresh.ask = l.askLast
	l.done.Add(1)
	go func() {
		defer l.done.Done()
		if err := l.feed.run(l.ctx); err != nil {
			conn.logger.Error("natsstore: a namespace is stopped", "stream", stream, "error", err)
			c.fail(err)
			l.stop()
		}
	}()
	go func() {
		defer close(l.sent)
		l.committer.run()
	}()
	return l, nil
}

// verifyCopy compares the last event of a copy with the stream's message: it is an
// [ErrLost] when that is another one.
func verifyCopy(ctx context.Context, conn *Conn, c *localCopy, state *streamState) error {
	behind := false
	err := conn.try(ctx, "open", func(ctx context.Context) (err error) {
		if state == nil {
			state, err = conn.streamState(ctx, c.stream)
		}
		if err == nil {
			err = c.check(state, c.seen)
			behind = err != nil
		}
		state = nil
		return err
	})
	if behind && errors.Is(err, ErrUnavailable) {
		// It has been so for so long that no other leader is to be expected.
		err = &LostError{c.stream, err.Error()}
	}
	if err != nil || c.position == 0 {
		return err
	}
	want, err := c.lastEvent(ctx)
	if err != nil {
		return err
	}
	var m *nats.Msg
	err = conn.try(ctx, "open", func(ctx context.Context) (err error) {
		m, _, err = conn.getMessage(ctx, c.stream, messageRequest{Sequence: c.seen})
		if isCode(err, codeMessageNotFound) {
			return &LostError{c.stream, fmt.Sprintf("it does not have message %d any more", c.seen)}
		}
		return err
	})
	if err != nil {
		return err
	}
	got, _, err := c.subjects.decodeEvent(m)
	if err != nil || got.ID != want.ID || got.ActorID != want.ActorID || got.Version != want.Version || !got.Time.Equal(want.Time) {
		return &LostError{c.stream, fmt.Sprintf("its message %d is not the one that was copied", c.seen)}
	}
	return nil
}

// askLast asks the leader how far the stream has come.
func (l *live) askLast() (uint64, error) {
	var last uint64
	err := l.conn.try(l.ctx, "read", func(ctx context.Context) error {
		seen := l.copy.taken()
		state, err := l.conn.streamState(ctx, l.copy.stream)
		if err := l.copy.gone(err); err != nil {
			return err
		}
		last = state.State.LastSeq
		return l.copy.check(state, seen)
	})
	if errors.Is(err, ErrLost) {
		l.copy.fail(err)
	}
	return last, err
}

// current returns when the copy has everything that was acknowledged before the call.
func (l *live) current(ctx context.Context) error {
	last, err := l.fresh.last(ctx)
	if err != nil {
		return err
	}
	return l.copy.wait(ctx, last, l.feed.poke)
}

// readable is current, for a reader, who does not wait longer than the options say.
func (l *live) readable(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, l.conn.timeout)
	defer cancel()
	err := l.committer.certain(bounded)
	if err == nil {
		err = l.current(bounded)
	}
	if err != nil && ctx.Err() == nil && bounded.Err() != nil {
		return &UnavailableError{Op: "read", Reason: "the copy of the stream could not be made current in " + l.conn.timeout.String()}
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return l.give(err)
}

// give makes of the end of the engine's own context what it means.
func (l *live) give(err error) error {
	if err != nil && l.ctx.Err() != nil {
		if failed := l.copy.err(); failed != nil {
			return failed
		}
		if errors.Is(err, context.Canceled) {
			return aether.ErrClosed
		}
	}
	return err
}

// close waits for the saves under way, and closes the copy.
func (l *live) close() error {
	l.committer.close()
	late := time.AfterFunc(l.conn.timeout, l.stop)
	<-l.sent
	late.Stop()
	l.copy.fail(aether.ErrClosed)
	l.stop()
	l.done.Wait()
	return l.copy.close()
}
