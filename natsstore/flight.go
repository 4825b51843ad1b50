package natsstore

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// flight is some saves on their way to the stream, in one atomic batch: all of them land
// or none. Every actor's first event is sent with the sequence that its subject must
// have last. So if the batch lands the copy knew everything of these actors, and what
// was decided about their versions and IDs holds.
type flight struct {
	l      *live
	saves  []*save
	expect []expectation
	count  int // messages
	size   int
	since  time.Time
}

// expectation is that of the message of an index, of its subject.
type expectation struct {
	index    int
	sequence uint64
}

// outcome is what is known of something that was sent.
type outcome int

const (
	unknown   outcome = iota // it may have landed, or may yet
	landed                   // it is in the stream
	stale                    // it is not, as a subject has another message last, or is about to
	crowded                  // it is not, as too much was on its way
	forbidden                // the server does not want it
)

// fly sends the saves and answers those that landed; the others are decided about again.
func (f *flight) fly() {
	c := f.l.committer
	defer c.landed(f)
	ctx := f.l.ctx
	// When the outcome is not known in time, the callers are told so; it is looked up
	// all the same.
	told := make(chan struct{})
	late := time.AfterFunc(f.l.conn.timeout, func() {
		defer close(told)
		c.doubt(1)
		f.answer(&UnavailableError{Op: "save", Reason: "no answer came in " + f.l.conn.timeout.String(), Unknown: true})
	})
	defer func() {
		if !late.Stop() {
			<-told
			c.doubt(-1)
		}
	}()

	what, sequence, err := f.send(ctx)
	switch what {
	case landed:
		if err := f.l.copy.wait(ctx, sequence, f.l.feed.poke); err != nil {
			f.answer(f.l.give(err))
			return
		}
		f.place(sequence)
	case crowded:
		pause(ctx, 5*time.Millisecond)
	case forbidden:
		f.answer(err)
	case stale:
		f.refresh(ctx)
	case unknown:
		f.settle(ctx)
	}
}

// messages returns what is to be sent.
func (f *flight) messages() []*nats.Msg {
	messages := make([]*nats.Msg, 0, f.count)
	for _, s := range f.saves {
		messages = append(messages, s.messages...)
	}
	id := ""
	if f.count > 1 {
		id = nuid.Next()
	}
	for i, m := range messages {
		delete(m.Header, headerExpected)
		delete(m.Header, headerBatch)
		delete(m.Header, headerBatchSequence)
		delete(m.Header, headerBatchCommit)
		if id != "" {
			m.Header[headerBatch] = []string{id}
			m.Header[headerBatchSequence] = []string{strconv.Itoa(i + 1)}
		}
	}
	if id != "" {
		messages[len(messages)-1].Header[headerBatchCommit] = []string{"1"}
	}
	for _, e := range f.expect {
		messages[e.index].Header[headerExpected] = []string{strconv.FormatUint(e.sequence, 10)}
	}
	return messages
}

// send sends the batch, and returns the sequence of its last message if that landed.
func (f *flight) send(ctx context.Context) (outcome, uint64, error) {
	messages := f.messages()
	last := len(messages) - 1
	for _, m := range messages[:last] {
		if err := f.l.conn.nc.PublishMsg(m); err != nil {
			pause(ctx, 20*time.Millisecond)
			return crowded, 0, nil // without its end it lands never
		}
	}
	return f.l.conn.publish(ctx, messages[last])
}

// publish sends a message, and returns its sequence if it landed.
func (c *Conn) publish(ctx context.Context, m *nats.Msg) (outcome, uint64, error) {
	reply, err := c.request(ctx, m, ackTimeout)
	switch {
	case err == nats.ErrNoResponders || err == nats.ErrReconnectBufExceeded:
		// Nobody heard it.
		pause(ctx, 20*time.Millisecond)
		return crowded, 0, nil
	case err != nil:
		return unknown, 0, nil
	}
	var ack struct {
		Error    *jetstream.APIError `json:"error"`
		Sequence uint64              `json:"seq"`
	}
	if json.Unmarshal(reply.Data, &ack) != nil {
		return unknown, 0, nil
	}
	switch e := ack.Error; {
	case e == nil && ack.Sequence > 0:
		return landed, ack.Sequence, nil
	case e == nil:
		return unknown, 0, nil
	case isCode(e, codeWrongLast, codeWrongLastUnknown):
		return stale, 0, nil
	case isCode(e, codeBatchIncomplete):
		return crowded, 0, nil
	case isCode(e, codeClusterNotAvail, codeNotLeader):
		return unknown, 0, nil
	default:
		return forbidden, 0, c.driverError("save", e)
	}
}

// place answers the saves of a batch that has landed, and that the copy has.
func (f *flight) place(last uint64) {
	c := f.l.committer
	sequence := last - uint64(f.count)
	for _, s := range f.saves {
		sequence += uint64(len(s.events))
		position, err := f.l.copy.place(sequence)
		c.mu.Lock()
		s.position = position
		c.answer(s, err)
		c.mu.Unlock()
	}
}

// answer ends the saves with an error.
func (f *flight) answer(err error) {
	c := f.l.committer
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range f.saves {
		c.answer(s, err)
	}
}

// refresh makes the copy current, so that the saves are decided about in its light.
func (f *flight) refresh(ctx context.Context) {
	for ctx.Err() == nil {
		err := f.l.current(ctx)
		if err == nil {
			for _, s := range f.saves {
				s.fresh = true
			}
			return
		}
		if f.l.copy.err() != nil {
			f.answer(f.l.give(err))
			return
		}
		pause(ctx, 50*time.Millisecond)
	}
	f.answer(f.l.give(ctx.Err()))
}

// settle finds out what became of a batch whose answer was lost. It sends a message that
// is no event, a fence, to the subject of the first one, expecting the same. When that
// lands the batch never will, since what it expects is not so any more; when it is
// refused because of another message, then either the batch has landed, or what
// it expects is not so any more. In both cases the copy, once it is current, tells.
func (f *flight) settle(ctx context.Context) {
	fence := &nats.Msg{Subject: f.saves[0].messages[0].Subject, Header: nats.Header{
		headerFence:    {"1"},
		headerExpected: {strconv.FormatUint(f.expect[0].sequence, 10)},
	}}
	for wait := 5 * time.Millisecond; ctx.Err() == nil; wait = min(2*wait, 500*time.Millisecond) {
		what, _, err := f.l.conn.publishFence(ctx, fence)
		switch what {
		case landed, stale:
			f.refresh(ctx)
			return
		case forbidden:
			f.l.conn.logger.Error("natsstore: the outcome of a save cannot be looked up yet", "stream", f.l.copy.stream, "error", err)
		}
		if f.l.copy.err() != nil {
			break
		}
		pause(ctx, wait)
	}
	f.answer(&UnavailableError{Op: "save", Reason: "closed before the outcome was known", Unknown: true})
}

// publishFence is publish, which takes a refusal for stale only when the server has
// decided: code 10164 may mean the very batch that is on its way.
func (c *Conn) publishFence(ctx context.Context, m *nats.Msg) (outcome, uint64, error) {
	reply, err := c.request(ctx, m, ackTimeout)
	if err != nil {
		return unknown, 0, nil
	}
	var ack struct {
		Error    *jetstream.APIError `json:"error"`
		Sequence uint64              `json:"seq"`
	}
	switch err := json.Unmarshal(reply.Data, &ack); {
	case err != nil:
		return unknown, 0, nil
	case ack.Error == nil && ack.Sequence > 0:
		return landed, ack.Sequence, nil
	case ack.Error == nil:
		return unknown, 0, nil
	case isCode(ack.Error, codeWrongLast):
		return stale, 0, nil
	case isCode(ack.Error, codeWrongLastUnknown, codeClusterNotAvail, codeNotLeader):
		return unknown, 0, nil
	default:
		return forbidden, 0, c.driverError("save", ack.Error)
	}
}
