package natsstore

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/integration"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Subscribe is described at [integration.Bus]. While the cluster cannot be reached it
// waits, and goes on where it was.
func (b *Bus) Subscribe(ctx context.Context, stream integration.Stream, after uint64) iter.Seq2[integration.Event, error] {
	return func(yield func(integration.Event, error) bool) {
		running, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(b.ctx, cancel)()
		next := after + 1
		for {
			left, err := b.read(running, stream, &next, yield)
			switch {
			case left:
				return
			case ctx.Err() != nil:
				err = ctx.Err()
			case b.ctx.Err() != nil:
				err = aether.ErrClosed
			case err == nil || errors.Is(err, ErrUnavailable):
				pause(running, 50*time.Millisecond)
				continue
			}
			yield(integration.Event{}, err)
			return
		}
	}
}

// read yields events from a number on until the loop is left, which it tells, or something
// fails.
func (b *Bus) read(ctx context.Context, stream integration.Stream, next *uint64, yield func(integration.Event, error) bool) (left bool, err error) {
	if err := b.enter(ctx, stream); err != nil {
		return false, err
	}
	from, err := b.find(ctx, stream, *next)
	if err != nil {
		return false, err
	}
	consumer, err := b.conn.js.OrderedConsumer(ctx, b.conn.names.stream(busRole, stream.Namespace), jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{b.subject(stream)},
		DeliverPolicy:  jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:    from,
	})
	if err != nil {
		return false, b.conn.driverError("subscribe", err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(256), jetstream.PullHeartbeat(time.Second), jetstream.PullExpiry(10*time.Second))
	if err != nil {
		return false, b.conn.driverError("subscribe", err)
	}
	defer messages.Stop()
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return false, nil // it is made anew, from where it was
		}
		e, err := decodeCloudEvent(&nats.Msg{Subject: m.Subject(), Header: m.Headers(), Data: m.Data()}, stream)
		switch {
		case err != nil:
			return false, err
		case e.Sequence < *next:
			continue
		case e.Sequence > *next:
			return false, &integration.GoneError{Stream: stream, After: *next - 1, First: e.Sequence}
		}
		if !yield(e, nil) {
			return true, nil
		}
		*next++
	}
}

// find returns a sequence from which on the event of a number, if it is there or comes,
// and none before it, is found: by halving what there is.
func (b *Bus) find(ctx context.Context, stream integration.Stream, number uint64) (uint64, error) {
	name := b.conn.names.stream(busRole, stream.Namespace)
	var low, high uint64 // the message is in low…high
	err := b.conn.try(ctx, "subscribe", func(ctx context.Context) error {
		state, err := b.conn.streamState(ctx, name)
		if err == nil {
			low, high = max(state.State.FirstSeq, 1), state.State.LastSeq+1
		}
		return err
	})
	for err == nil && low < high {
		middle := low + (high-low)/2
		err = b.conn.try(ctx, "subscribe", func(ctx context.Context) error {
			m, sequence, err := b.conn.getMessage(ctx, name, messageRequest{Sequence: middle, Next: b.subject(stream)})
			if isCode(err, codeMessageNotFound) {
				high = middle // no event of the stream comes behind
				return nil
			}
			if err != nil {
				return err
			}
			e, err := decodeCloudEvent(m, stream)
			if err != nil {
				return err
			}
			if e.Sequence < number {
				low = sequence + 1
			} else {
				high = middle
			}
			return nil
		})
	}
	return low, err
}
