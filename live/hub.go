package live

import (
	"cmp"
	"container/list"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/internal/jsoncheck"
	"github.com/coder/websocket"
)

// ErrNoTopic is what a document function returns for a topic that does not exist. A
// function that cannot tell, for it is not caught up, returns another error.
var ErrNoTopic = errors.New("live: no such topic")

// Document is the state of a topic.
type Document struct {
	// Position is that of the newest change in it, or a later one; 0 when there was none.
	Position uint64

	// Data is one JSON value.
	Data json.RawMessage
}

// Change is a change of a topic.
type Change struct {
	Topic string

	// Position grows with every change of the topic; others may lie between. What is
	// not above the last one is passed over.
	Position uint64

	// Data is one JSON value. When it is empty, subscribers get the document instead;
	// so they do when the data is not valid, or too large for the history.
	Data json.RawMessage
}

// Hub connects those who change topics with clients that watch them. It is safe for
// concurrent use.
type Hub struct {
	options Options
	read    func(topic string) (Document, error)
	current func(topic string) error // with Options.Current
	cancel  context.CancelFunc       // of the contexts of both
	done    chan struct{}            // closed by Close
	start   time.Time
	running sync.WaitGroup

	// One lock for everything: what is done under it takes less than a microsecond,
	// the publishing to thousands of subscribers a millisecond, and nothing waits.
	mu      sync.Mutex
	closed  bool
	entered int // clients, and requests about to become one
	clients map[*client]struct{}
	topics  map[string]*topic
	recent  list.List // of topics with a cost, the one published to last in front
	bytes   int       // the sum of their costs
	stats   Stats

	stale      []*topic // whose documents are to be read because of Refresh
	refreshing int      // how many read those
}

// Options are the settings of a hub. Zero values are the defaults.
type Options struct {
	// Origins are hosts whose pages may connect beside those of the server's own host:
	// "example.com", "*.example.com", "https://example.com". None by default.
	Origins []string

	// Access is asked once for each connection, and the function it returns for each
	// subscription, whether this client may see the topic; where it says no, the client
	// is told "unknown topic". Everybody may see everything when either is nil. A
	// document is read once for many clients, so its function cannot judge this.
	Access func(r *http.Request) func(topic string) bool

	// Clients is how many may be connected, 20,000 by default. More get 503 with a
	// Retry-After.
	Clients int

	// Topics is how many a client may be subscribed to, 100 by default.
	Topics int

	// Ping is how often a client is asked whether it is there, 30 seconds by default.
	// Timeout is how long it may take to answer, and to take 16 KiB of what is sent, 30
	// seconds by default; and how long reading a document may take.
	Ping    time.Duration
	Timeout time.Duration

	// Wait is how long a client that has more of a topic than its document waits for the
	// document to come as far, 5 seconds by default.
	Wait time.Duration

	// Current tells documents that lag from a history that was restored: it returns nil
	// once the documents of a topic have all that had happened when it was called, also
	// on other nodes, and an error if its context ends before, which it does after Wait.
	// It is asked when a client has more than the document; if the document has less
	// still when it is read again, the client is told that the history was restored.
	// Without the function clients are never told.
	Current func(ctx context.Context, topic string) error

	// History is how many changes of a topic are kept, 256 by default; HistoryBytes how
	// many bytes of all topics, 64 MiB by default, of one an eighth. The topics
	// published to longest ago lose theirs first.
	History      int
	HistoryBytes int

	// Logger gets what is wrong with documents and changes. [slog.Default] by default.
	Logger *slog.Logger
}

// Stats is what a hub has to do. All but Clients, Topics and HistoryBytes only grow.
type Stats struct {
	Clients      int // connected
	Topics       int // known: subscribed to, or published to recently
	HistoryBytes int

	Sent      uint64 // documents and changes to clients
	Documents uint64 // how many of them were documents
	Conflated uint64 // how often a client got the document since it was too slow for the changes
	Repeated  uint64 // changes passed over, since their position was not new
	Refused   uint64 // connections refused, for there were too many
	Dropped   uint64 // clients closed that were silent, took nothing, or broke the rules
}

// New returns a hub. Whoever makes it closes it.
//
// The document function reads the newest document of a topic, with an error that is
// [ErrNoTopic] if there is no such topic: clients believe that. After any other error
// they try again. It is called by several goroutines, for
// different topics; its context ends after [Options.Timeout], or when the hub is
// closed.
func New(document func(ctx context.Context, topic string) (Document, error), options *Options) *Hub {
	ctx, cancel := context.WithCancel(context.Background())
	h := &Hub{
		cancel:  cancel,
		done:    make(chan struct{}),
		start:   time.Now(),
		clients: make(map[*client]struct{}),
		topics:  make(map[string]*topic),
	}
	if options != nil {
		h.options = *options
	}
	o := &h.options
	o.Clients = cmp.Or(max(o.Clients, 0), 20_000)
	o.Topics = cmp.Or(max(o.Topics, 0), 100)
	o.Ping = cmp.Or(max(o.Ping, 0), 30*time.Second)
	o.Timeout = cmp.Or(max(o.Timeout, 0), 30*time.Second)
	o.Wait = cmp.Or(max(o.Wait, 0), 5*time.Second)
	o.History = cmp.Or(max(o.History, 0), 256)
	o.HistoryBytes = cmp.Or(max(o.HistoryBytes, 0), 64<<20)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	h.read = func(topic string) (Document, error) {
		ctx, cancel := context.WithTimeout(ctx, o.Timeout)
		defer cancel()
		return document(ctx, topic)
	}
	h.current = func(topic string) (err error) {
		defer func() {
			if value := recover(); value != nil {
				err = fmt.Errorf("it panicked: %v", value)
				o.Logger.Warn("live: whether a document is current cannot be told", "topic", topic, "error", err)
			}
		}()
		ctx, cancel := context.WithTimeout(ctx, o.Wait)
		defer cancel()
		return o.Current(ctx, topic)
	}
	h.running.Go(h.watch)
	return h
}

// Publish tells the subscribers of changes that are committed. It never waits for a
// client. The changes of a topic come in the order of their positions: whoever
// publishes to one topic from several goroutines sees to that. After Close it does
// nothing.
func (h *Hub) Publish(changes ...Change) {
	frames := make([][]byte, len(changes))
	for i := range changes {
		frames[i] = h.encode(&changes[i])
	}
	var woken []*client
	h.mu.Lock()
	for i := range changes {
		if h.closed {
			break
		}
		t := h.topic(changes[i].Topic)
		if changes[i].Position <= t.last {
			h.stats.Repeated++
			h.settle(t)
			continue
		}
		t.add(changes[i].Position, frames[i], &h.options)
		h.settle(t)
		if t.recent != nil {
			h.recent.MoveToFront(t.recent)
		}
		for _, s := range t.idle {
			s.idle = -1
			s.client.queue = append(s.client.queue, s)
			woken = s.client.wake(woken)
		}
		clear(t.idle)
		t.idle = t.idle[:0]
		t.waiting = append(t.waiting, t.recall(t.last)...)
		h.readSoon(t)
	}
	h.forget()
	h.mu.Unlock()
	run(woken)
}

// encode returns the frame of a change, nil when the document is to be sent instead.
func (h *Hub) encode(change *Change) []byte {
	if len(change.Data) == 0 {
		return nil
	}
	if err := jsoncheck.Check(change.Data); err != nil {
		h.options.Logger.Warn("live: a change cannot be sent, the document is", "topic", change.Topic, "position", change.Position, "error", "its data "+err.Error())
		return nil
	}
	return message(change.Topic, change.Position, plain, "change", change.Data)
}

// Stats returns what the hub has to do.
func (h *Hub) Stats() Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	stats := h.stats
	stats.Clients, stats.Topics, stats.HistoryBytes = len(h.clients), len(h.topics), h.bytes
	return stats
}

// Close tells all clients that the server goes away, waits two seconds for them to
// close their side, and returns when everything the hub has started has ended.
func (h *Hub) Close() error {
	h.mu.Lock()
	again := h.closed
	var woken []*client
	if !again {
		h.closed = true
		h.cancel()
		close(h.done)
		for c := range h.clients {
			woken = c.end(woken, websocket.StatusGoingAway, "the server shuts down")
		}
	}
	h.mu.Unlock()
	run(woken)
	impatient := time.AfterFunc(closing, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		for c := range h.clients {
			c.conn.cut()
		}
	})
	defer impatient.Stop()
	h.running.Wait()
	if again {
		return aether.ErrClosed
	}
	return nil
}

// closing is how long clients have to answer that they are closed.
const closing = 2 * time.Second
