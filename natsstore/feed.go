package natsstore

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
)

// feed brings the messages of a stream to its copy, through a consumer that it makes
// anew whenever that has missed something or is silent. Messages come in order, each
// once.
type feed struct {
	conn *Conn
	copy *localCopy

	mu     sync.Mutex
	in     []*nats.Msg // what came, to be taken in
	filled chan struct{}
	again  bool // the consumer is to be made anew
	heard  bool // since the last look
}

const (
	heartbeat = time.Second
	silence   = 3 * heartbeat // so long without a message or a heartbeat is too long
)

func newFeed(conn *Conn, c *localCopy) *feed {
	return &feed{conn: conn, copy: c, filled: make(chan struct{}, 1)}
}

// poke has the consumer made anew if nothing has come since it was called last.
func (f *feed) poke() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.again = f.again || !f.heard
	f.heard = false
	f.signal()
}

// restart has the consumer made anew.
func (f *feed) restart() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.again = true
	f.signal()
}

func (f *feed) signal() {
	select {
	case f.filled <- struct{}{}:
	default:
	}
}

func (f *feed) deliver(m *nats.Msg) {
	f.mu.Lock()
	f.in = append(f.in, m)
	f.heard = true
	first := len(f.in) == 1
	f.mu.Unlock()
	if first {
		f.signal()
	}
}

// run feeds the copy until ctx ends. It returns an error when the copy cannot go on.
func (f *feed) run(ctx context.Context) error {
	defer f.conn.whenUp(f.restart)()
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		before := f.copy.seen
		err := f.consume(ctx)
		if err != nil && !temporary(err) && ctx.Err() == nil {
			return err
		}
		if f.copy.seen != before {
			wait = 10 * time.Millisecond
		}
		if err == nil && f.copy.seen != before {
			continue
		}
		if !pause(ctx, wait) {
			return nil
		}
	}
}

type consumerConfig struct {
	Name          string        `json:"name"`
	Deliver       string        `json:"deliver_subject"`
	DeliverPolicy string        `json:"deliver_policy"`
	OptStartSeq   uint64        `json:"opt_start_seq,omitempty"`
	AckPolicy     string        `json:"ack_policy"`
	ReplayPolicy  string        `json:"replay_policy"`
	FlowControl   bool          `json:"flow_control"`
	Heartbeat     time.Duration `json:"idle_heartbeat"`
	MemStorage    bool          `json:"mem_storage"`
	Replicas      int           `json:"num_replicas"`
	Inactive      time.Duration `json:"inactive_threshold"`
}

// consume makes a consumer and takes in what it delivers, until it has to be made anew.
func (f *feed) consume(ctx context.Context) error {
	f.mu.Lock()
	f.again, f.heard = false, true
	clear(f.in)
	f.in = f.in[:0]
	f.mu.Unlock()

	name := nuid.Next()
	inbox := f.conn.nc.NewInbox()
	sub, err := f.conn.nc.Subscribe(inbox, f.deliver)
	if err != nil {
		return err
	}
	defer sub.Unsubscribe() //nolint:errcheck // the server drops the consumer when nobody listens
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return err
	}
	config := consumerConfig{
		Name: name, Deliver: inbox, AckPolicy: "none", ReplayPolicy: "instant", FlowControl: true,
		Heartbeat: heartbeat, MemStorage: true, Replicas: 1, Inactive: 30 * time.Second,
		DeliverPolicy: "by_start_sequence", OptStartSeq: f.copy.seen + 1,
	}
	if err := f.check(ctx); err != nil {
		return err
	}
	request := struct {
		Stream string         `json:"stream_name"`
		Config consumerConfig `json:"config"`
	}{f.copy.stream, config}
	var answer struct{}
	if err := f.conn.ask(ctx, "CONSUMER.CREATE."+f.copy.stream+"."+name, request, &answer); err != nil {
		return f.copy.gone(err)
	}
	defer f.drop(name)

	timer := time.NewTimer(silence)
	defer timer.Stop()
	var batch []*nats.Msg
	delivered := uint64(0)
	for {
		f.mu.Lock()
		batch, f.in = f.in, batch[:0]
		again := f.again
		f.mu.Unlock()
		if again {
			return nil
		}
		if len(batch) == 0 {
			select {
			case <-f.filled:
				continue
			case <-timer.C:
				return nil
			case <-ctx.Done():
				return nil
			}
		}
		timer.Reset(silence)
		whole, err := f.takeAll(ctx, batch, &delivered)
		if err != nil || !whole {
			return err
		}
		clear(batch)
	}
}

// takeAll takes in what came. It returns false when something is missing, so that the
// consumer has to be made anew.
func (f *feed) takeAll(ctx context.Context, batch []*nats.Msg, delivered *uint64) (bool, error) {
	c := f.copy
	sequence := c.seen
	whole := true
	for _, m := range batch {
		if m.Header.Get("Status") != "" {
			if whole = f.control(m, *delivered); whole {
				continue
			}
			break
		}
		info, err := m.Metadata()
		if err != nil || info.Sequence.Consumer != *delivered+1 {
			whole = false
			break
		}
		*delivered++
		if info.Sequence.Stream != sequence+1 {
			return false, &LostError{c.stream, fmt.Sprintf("message %d was expected, and %d came", sequence+1, info.Sequence.Stream)}
		}
		sequence++
		if err := c.take(ctx, sequence, m); err != nil {
			return false, err
		}
	}
	return whole, c.advance(ctx, sequence)
}

// control answers flow control, and returns false when the consumer is gone or has sent
// more than came.
func (f *feed) control(m *nats.Msg, delivered uint64) bool {
	if m.Header.Get("Status") != "100" {
		return false
	}
	for _, reply := range []string{m.Reply, m.Header.Get("Nats-Consumer-Stalled")} {
		if reply != "" {
			_ = f.conn.nc.Publish(reply, nil)
		}
	}
	last := m.Header.Get("Nats-Last-Consumer")
	return last == "" || last == strconv.FormatUint(delivered, 10)
}

func (f *feed) drop(name string) {
	_ = f.conn.nc.Publish("$JS.API.CONSUMER.DELETE."+f.copy.stream+"."+name, nil)
}

// check sees to it that the stream is the one that is copied, and has all of that.
func (f *feed) check(ctx context.Context) error {
	seen := f.copy.seen
	state, err := f.conn.streamState(ctx, f.copy.stream)
	if err := f.copy.gone(err); err != nil {
		return err
	}
	return f.copy.check(state, seen)
}
