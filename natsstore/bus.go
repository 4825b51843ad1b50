package natsstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/integration"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// BusOptions are the settings of a [Bus]. They are those of the streams that it makes;
// a stream that is there keeps its own.
type BusOptions struct {
	// Replicas is on how many servers each stream is: 1 when zero.
	Replicas int

	// MaxBytes and MaxAge are how much, and for how long, a namespace's events are kept:
	// 1 GiB and for ever when zero. Who is further behind reads the log.
	MaxBytes int64
	MaxAge   time.Duration
}

// Bus carries integration events over JetStream. A namespace has a stream of them, a
// system and its mapping's version a subject. It is safe for concurrent use.
//
// What was published is kept as the servers keep messages. Several relays may publish
// the same events at once: each event is carried once, since every batch is sent with
// what it expects to be the last before it.
type Bus struct {
	conn    *Conn
	options BusOptions
	ctx     context.Context // ends with Close
	stop    context.CancelFunc

	mu   sync.Mutex
	last map[integration.Stream]carried
	made map[string]bool // namespaces whose stream is there
}

// carried is the last event of a stream on the bus.
type carried struct {
	number   uint64
	sequence uint64 // of its message
}

var _ integration.Bus = (*Bus)(nil)

// NewBus returns a bus over a connection, which must outlive it.
func NewBus(conn *Conn, options *BusOptions) *Bus {
	b := &Bus{conn: conn, last: make(map[integration.Stream]carried), made: make(map[string]bool)}
	if options != nil {
		b.options = *options
	}
	b.options.Replicas = cmp.Or(max(b.options.Replicas, 0), 1)
	b.options.MaxBytes = cmp.Or(max(b.options.MaxBytes, 0), 1<<30)
	b.ctx, b.stop = context.WithCancel(context.Background())
	return b
}

// Close ends the subscriptions with [aether.ErrClosed].
func (b *Bus) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ctx.Err() != nil {
		return aether.ErrClosed
	}
	b.stop()
	return nil
}

func (b *Bus) subject(s integration.Stream) string {
	prefix := b.conn.names.subjects(busRole, s.Namespace).prefix
	return string(appendToken([]byte(prefix), s.System)) + "." + strconv.Itoa(s.Version)
}

// enter makes the stream of a namespace unless it is there, and fails when ctx or the
// bus has ended.
func (b *Bus) enter(ctx context.Context, s integration.Stream) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if b.ctx.Err() != nil {
		return aether.ErrClosed
	}
	if err := aether.CheckNamespace(s.Namespace); err != nil {
		return err
	}
	if s.System == "" || len(s.System) > aether.MaxNameLength {
		return &aether.InvalidError{Index: -1, Field: "system", Reason: fmt.Sprintf("has %d bytes; it needs 1 to %d", len(s.System), aether.MaxNameLength)}
	}
	b.mu.Lock()
	made := b.made[s.Namespace]
	b.mu.Unlock()
	if made {
		return nil
	}
	name := b.conn.names.stream(busRole, s.Namespace)
	config := jetstream.StreamConfig{
		Name:               name,
		Subjects:           []string{b.conn.names.subjects(busRole, s.Namespace).prefix + ">"},
		Description:        "integration events of an Aether namespace",
		Retention:          jetstream.LimitsPolicy,
		Storage:            jetstream.FileStorage,
		Replicas:           b.options.Replicas,
		MaxMsgs:            -1,
		MaxBytes:           b.options.MaxBytes,
		MaxAge:             b.options.MaxAge,
		MaxMsgsPerSubject:  -1,
		MaxMsgSize:         -1,
		Discard:            jetstream.DiscardOld,
		Duplicates:         100 * time.Millisecond,
		AllowAtomicPublish: true,
		Metadata:           map[string]string{metaNamespace: s.Namespace},
	}
	err := b.conn.try(ctx, "make stream "+name, func(ctx context.Context) error {
		_, err := b.conn.js.CreateStream(ctx, config)
		if isCode(err, codeNameInUse) || errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			return nil // with limits of its own
		}
		return err
	})
	if err == nil {
		b.mu.Lock()
		b.made[s.Namespace] = true
		b.mu.Unlock()
	}
	return err
}

// Publish is described at [integration.Bus]. The first events of a stream, or after the
// bus has forgotten all of it, may have any number.
func (b *Bus) Publish(ctx context.Context, events ...integration.Event) error {
	if len(events) == 0 {
		return ctx.Err()
	}
	stream := events[0].Stream
	limit := int(b.conn.nc.MaxPayload())
	messages := make([]*nats.Msg, len(events))
	for i := range events {
		e := &events[i]
		if e.Stream != stream {
			return fmt.Errorf("%w: %v and %v", integration.ErrMixed, stream, e.Stream)
		}
		if i > 0 && e.Sequence != events[i-1].Sequence+1 {
			return &integration.GapError{Stream: stream, Expected: events[i-1].Sequence + 1, Got: e.Sequence}
		}
		messages[i] = encodeCloudEvent(b.subject(stream), e)
		if size := messageSize(messages[i]); size > limit {
			return &TooLargeError{Index: i, Size: size, Limit: limit}
		}
	}
	if err := b.enter(ctx, stream); err != nil {
		return err
	}
	b.mu.Lock()
	last, known := b.last[stream]
	b.mu.Unlock()
	return b.conn.try(ctx, "publish", func(ctx context.Context) error {
		for {
			if !known {
				var err error
				if last, _, err = b.carried(ctx, stream); err != nil {
					return err
				}
				known = true
			}
			skip := 0
			for skip < len(events) && events[skip].Sequence <= last.number {
				skip++
			}
			if skip == len(events) {
				return nil
			}
			if first := events[skip].Sequence; last.number != 0 && first > last.number+1 {
				return &integration.GapError{Stream: stream, Expected: last.number + 1, Got: first}
			}
			n := batchLength(events[skip:], messages[skip:])
			what, sequence, err := b.send(ctx, messages[skip:skip+n], last.sequence)
			switch what {
			case landed:
				last = carried{events[skip+n-1].Sequence, sequence}
				b.mu.Lock()
				b.last[stream] = last
				b.mu.Unlock()
				continue
			case forbidden:
				return err
			}
			// Somebody else was first, or the answer was lost. What is sent again expects
			// the same last message, so nothing comes twice.
			b.mu.Lock()
			delete(b.last, stream)
			b.mu.Unlock()
			known = false
			if what != stale {
				return fmt.Errorf("no answer: %w", nats.ErrTimeout)
			}
		}
	})
}

// batchLength returns how many events go into one batch: whole positions, if they fit.
func batchLength(events []integration.Event, messages []*nats.Msg) int {
	n, size, whole := 0, 0, 0
	for n < len(events) && n < maxPublished && (n == 0 || size+len(messages[n].Data) <= maxGroup) {
		size += len(messages[n].Data)
		n++
		if events[n-1].Last {
			whole = n
		}
	}
	return cmp.Or(whole, n)
}

// send sends a batch that expects a message to be the last of the subject.
func (b *Bus) send(ctx context.Context, messages []*nats.Msg, expected uint64) (outcome, uint64, error) {
	id := nuid.Next()
	for i, m := range messages {
		for _, name := range []string{headerExpected, headerBatch, headerBatchSequence, headerBatchCommit} {
			delete(m.Header, name)
		}
		if len(messages) > 1 {
			m.Header.Set(headerBatch, id)
			m.Header.Set(headerBatchSequence, strconv.Itoa(i+1))
		}
	}
	last := messages[len(messages)-1]
	if len(messages) > 1 {
		last.Header.Set(headerBatchCommit, "1")
	}
	messages[0].Header.Set(headerExpected, strconv.FormatUint(expected, 10))
	for _, m := range messages[:len(messages)-1] {
		if err := b.conn.nc.PublishMsg(m); err != nil {
			return crowded, 0, nil
		}
	}
	return b.conn.publish(ctx, last)
}

// carried asks for the last event of a stream on the bus.
func (b *Bus) carried(ctx context.Context, stream integration.Stream) (carried, integration.Event, error) {
	m, sequence, err := b.conn.lastMessage(ctx, b.conn.names.stream(busRole, stream.Namespace), b.subject(stream))
	if isCode(err, codeMessageNotFound) || isNotFound(err) {
		return carried{}, integration.Event{}, nil
	}
	if err != nil {
		return carried{}, integration.Event{}, err
	}
	e, err := decodeCloudEvent(m, stream)
	return carried{e.Sequence, sequence}, e, err
}

// Last is described at [integration.Bus].
func (b *Bus) Last(ctx context.Context, stream integration.Stream) (integration.Cursor, error) {
	if err := b.enter(ctx, stream); err != nil {
		return integration.Cursor{}, err
	}
	var cursor integration.Cursor
	err := b.conn.try(ctx, "read", func(ctx context.Context) error {
		last, e, err := b.carried(ctx, stream)
		if err != nil || last.number == 0 {
			return err
		}
		// Nearly always it is the last of its position: batches are cut there.
		for at := last.sequence; !e.Last; {
			if at--; at == 0 {
				return nil
			}
			m, _, err := b.conn.getMessage(ctx, b.conn.names.stream(busRole, stream.Namespace), messageRequest{Sequence: at})
			if isCode(err, codeMessageNotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			if m.Subject == b.subject(stream) {
				if e, err = decodeCloudEvent(m, stream); err != nil {
					return err
				}
			}
		}
		cursor = integration.Cursor{Sequence: e.Sequence, Position: e.Position}
		return nil
	})
	return cursor, err
}
