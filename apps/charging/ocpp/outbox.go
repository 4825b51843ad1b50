package ocpp

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"
)

// remembered is how many IDs a connection remembers, to know late, duplicate and
// repeated messages for what they are.
const remembered = 8

// outbox has the calls of this side. It is guarded by the lock of the connection.
type outbox struct {
	pending  *outgoing
	timedOut []*outgoing // the last ones, oldest first
	answered []string    // the IDs of the last ones, oldest first
	secret   string      // the last credential that was sent: a peer may repeat it
}

// outgoing is a call of this side.
type outgoing struct {
	id      string
	request Request
	begun   time.Time // when its writing began, zero before
	timer   *time.Timer

	done     chan struct{} // closed when what follows is set
	response Response
	err      error
}

// Call makes a call and waits for its answer. One call is under way at a time; others
// wait for their turn, in no order.
//
// The error is an [ErrNotSent] when the call has not left: the request violates the
// standard, ctx was done or the connection over before its turn. It is a *CallError
// when the peer has answered with a CALLERROR. Else it is an [ErrNoAnswer], and whether
// the peer acted is unknown: no answer in time, ctx done, the connection lost while the
// call was written or afterwards, an answer that cannot be read. (A call that is given
// up by its ctx still keeps others waiting until its answer or its time-out, as the
// standard wants it: OCPP-J 1.6, 4.1.1.)
func (c *Conn) Call(ctx context.Context, request Request) (Response, error) {
	payload, err := c.messages.EncodeRequest(c.side.Peer(), request)
	if err != nil {
		return nil, &NotSentError{fmt.Errorf("the request is not valid: %v", err)} // no *CallError: those come from the peer
	}
	if err := c.enter(ctx, c.slot); err != nil {
		return nil, &NotSentError{err}
	}
	call := &outgoing{id: rand.Text(), request: request, done: make(chan struct{})}
	if err := c.enter(ctx, c.writer); err != nil {
		<-c.slot
		return nil, &NotSentError{err}
	}
	if err := c.begin(call); err != nil {
		<-c.writer
		<-c.slot
		return nil, &NotSentError{err}
	}
	frame := Frame{Type: TypeCall, ID: call.id, Action: request.Action(), Payload: payload}
	c.trace(Wire{Sent: true, Type: TypeCall, ID: call.id, Action: frame.Action}, frame)
	err = c.write(frame.Append(nil)) // an error has ended the connection, and the call
	<-c.writer
	if err == nil {
		c.startTimer(call)
	}
	select {
	case <-call.done:
		return call.response, call.err
	case <-ctx.Done():
		return nil, &NoAnswerError{ctx.Err()}
	}
}

// enter waits until one can have what only one has at a time.
func (c *Conn) enter(ctx context.Context, one chan struct{}) error {
	select {
	case one <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-c.closed:
		return c.Err()
	}
	err := c.Err()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		<-one
	}
	return err
}

// begin makes a call the pending one. From here on it may have been sent.
func (c *Conn) begin(call *outgoing) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil:
		return c.err
	case c.draining:
		return ErrShutdown
	}
	call.begun = time.Now()
	c.calls.pending = call
	if s, ok := call.request.(SecretRequest); ok && s.Secret() != "" {
		c.calls.secret = s.Secret()
	}
	return nil
}

func (c *Conn) startTimer(call *outgoing) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calls.pending == call {
		call.timer = time.AfterFunc(c.o.CallTimeout, func() { c.expire(call) })
	}
}

func (c *Conn) expire(call *outgoing) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calls.pending == call {
		c.calls.timedOut = last(append(c.calls.timedOut, call))
		c.settle(call, nil, &NoAnswerError{ErrTimeout})
	}
}

// settle ends the pending call, with the lock.
func (c *Conn) settle(call *outgoing, response Response, err error) {
	c.calls.pending = nil
	if call.timer != nil {
		call.timer.Stop()
	}
	call.response, call.err = response, err
	close(call.done)
	<-c.slot
	c.noteIdle()
}

// lost ends the pending call of a connection that is over, with the lock.
func (b *outbox) lost(c *Conn, reason error) {
	if b.pending != nil {
		c.settle(b.pending, nil, &NoAnswerError{reason})
	}
}

// answer takes a CALLRESULT or a CALLERROR.
func (c *Conn) answer(frame Frame, data []byte, unreadable error) {
	c.mu.Lock()
	call, late, duplicate := c.calls.take(frame.ID)
	c.mu.Unlock()
	w := Wire{Type: frame.Type, ID: frame.ID}
	if call == nil {
		w.Problem = "an answer to no call of this connection"
		if duplicate {
			w.Problem = "a second answer to a call"
		}
		c.traceData(w, data)
		return
	}
	var response Response
	var err error
	switch {
	case unreadable != nil:
		err = &NoAnswerError{fmt.Errorf("the answer cannot be read: %v", unreadable)}
	case frame.Type == TypeCallError:
		err = &CallError{Code: frame.Code, Description: frame.Description, Details: frame.Payload}
	default:
		response, err = c.messages.DecodeResponse(call.request, frame.Payload)
		if err != nil {
			response, err = nil, &NoAnswerError{fmt.Errorf("the answer cannot be read: %v", err)} // no *CallError: the peer sent none
		}
	}
	w.Action, w.Elapsed = call.request.Action(), time.Since(call.begun)
	if late {
		w.Problem = "an answer after the time-out of its call"
	} else if errors.Is(err, ErrNoAnswer) {
		w.Problem = err.(*NoAnswerError).Err.Error()
	}
	c.traceData(w, data)
	c.mu.Lock()
	late = c.calls.pending != call // also when its time has come just now
	if !late {
		c.settle(call, response, err)
	}
	c.mu.Unlock()
	if late && c.o.Late != nil {
		c.o.Late(c, call.request, response, err)
	}
}

// take finds the call that an answer is for, and whether the answer is late, or a
// duplicate. The call remains pending.
func (b *outbox) take(id string) (call *outgoing, late, duplicate bool) {
	for _, known := range b.answered {
		if known == id {
			return nil, false, true
		}
	}
	switch {
	case b.pending != nil && b.pending.id == id:
		call = b.pending
	default:
		for i, overdue := range b.timedOut {
			if overdue.id == id {
				call, late = overdue, true
				b.timedOut = append(b.timedOut[:i:i], b.timedOut[i+1:]...)
				break
			}
		}
	}
	if call != nil {
		b.answered = last(append(b.answered, id))
	}
	return call, late, false
}

// last returns the last few elements.
func last[T any](list []T) []T {
	if len(list) > remembered {
		return append([]T(nil), list[len(list)-remembered:]...)
	}
	return list
}
