package ocpp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/coder/websocket"
)

// inbox has the calls of the peer. It is guarded by the lock of the connection.
type inbox struct {
	queue   []incoming // the first one is being handled
	working bool       // by a goroutine, which ends when the queue is empty
	known   []string   // the IDs of the last ones, oldest first
}

// incoming is a call of the peer, or what was one but for a mistake.
type incoming struct {
	frame    Frame
	received time.Time
	repeated bool
	refusal  *CallError // do not handle it: this is the answer
}

// receive takes a message. It never waits: calls are handled by another goroutine.
func (c *Conn) receive(ctx context.Context, data []byte) {
	frame, err := ParseFrame(data)
	if err != nil {
		c.receiveBroken(ctx, err.(*FrameError), data)
		return
	}
	if frame.Type != TypeCall {
		c.answer(frame, data, nil)
		return
	}
	c.accept(ctx, incoming{frame: frame, received: time.Now()}, data)
}

// receiveBroken takes a message that is no frame. If there is an ID, its sender waits
// for an answer, or somebody here does. Otherwise it is ignored (OCPP-J 1.6, 4.1.3).
func (c *Conn) receiveBroken(ctx context.Context, broken *FrameError, data []byte) {
	frame := broken.Frame
	switch {
	case frame.ID != "" && frame.Type == TypeCall:
		c.accept(ctx, incoming{frame: frame, received: time.Now(), refusal: Errorf(FormationViolation, "%s", broken.Reason)}, data)
	case frame.ID != "" && (frame.Type == TypeCallResult || frame.Type == TypeCallError):
		c.answer(frame, data, broken)
	default:
		c.traceData(Wire{Problem: broken.Error()}, data)
	}
}

// accept puts a call into the queue.
func (c *Conn) accept(ctx context.Context, call incoming, data []byte) {
	w := Wire{Type: TypeCall, ID: call.frame.ID, Action: call.frame.Action}
	if call.refusal != nil {
		w.Problem = call.refusal.Description
	}
	verdict := c.enqueue(&call, &w)
	c.traceData(w, data)
	switch verdict {
	case queueStart:
		c.work.Go(func() { c.serve(ctx) })
	case queueFlood:
		c.work.Go(func() { c.shut(websocket.StatusPolicyViolation, "too many calls at once", errFlood) })
	}
}

// errFlood: see ConnOptions.MaxCalls.
var errFlood = errors.New("ocpp: the peer has made too many calls at once")

// What is to be done about a call.
const (
	queueWait  = iota // nothing: it waits, or is ignored
	queueStart        // begin to work on the queue
	queueFlood        // end the connection
)

func (c *Conn) enqueue(call *incoming, w *Wire) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	box := &c.inbox
	if c.err != nil || c.draining {
		w.Problem = "not served: the connection is being closed"
		return queueWait
	}
	for _, other := range box.queue {
		if other.frame.ID != call.frame.ID {
			continue
		}
		if other.frame.Action == call.frame.Action && bytes.Equal(other.frame.Payload, call.frame.Payload) {
			w.Problem = "a repetition of a call that is being served: one answer is for both"
			return queueWait
		}
		w.Problem = "the ID of another call that is being served"
		call.refusal = Errorf(GenericError, "another call with this message ID is being processed") // OCPP-J 1.6, 4.2.3
	}
	if slices.Contains(box.known, call.frame.ID) {
		call.repeated = true
		if w.Problem == "" {
			w.Problem = "the ID of an earlier call"
		}
	} else {
		box.known = last(append(box.known, call.frame.ID))
	}
	switch {
	case len(box.queue) >= 2*c.o.MaxCalls:
		w.Problem = errFlood.Error()
		return queueFlood
	case len(box.queue) >= c.o.MaxCalls:
		w.Problem = "too many calls at once"
		call.refusal = Errorf(InternalError, "too many calls at once: wait for answers")
	}
	box.queue = append(box.queue, *call)
	if box.working {
		return queueWait
	}
	box.working = true
	return queueStart
}

// serve handles calls until there is none left. What was received is handled also when
// the connection is over: the peer may take it for delivered.
func (c *Conn) serve(ctx context.Context) {
	for {
		c.mu.Lock()
		call := c.inbox.queue[0]
		c.mu.Unlock()
		c.serveOne(ctx, call)
		c.mu.Lock()
		c.inbox.queue = c.inbox.queue[1:]
		if len(c.inbox.queue) == 0 {
			c.inbox.queue, c.inbox.working = nil, false
			c.noteIdle()
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
	}
}

func (c *Conn) serveOne(ctx context.Context, call incoming) {
	w := Wire{Sent: true, Type: TypeCallResult, ID: call.frame.ID, Action: call.frame.Action}
	frame := Frame{Type: TypeCallResult, ID: call.frame.ID}
	payload, violation, err := c.handle(ctx, call)
	switch {
	case err != nil:
		frame = errorFrame(call.frame.ID, err)
		w.Type, w.Problem = TypeCallError, err.Error()
		if frame.Code == InternalError && call.refusal == nil {
			c.o.Logger.Error("ocpp: a call could not be processed", "station", c.peer.Identity, "action", call.frame.Action, "id", call.frame.ID, "error", err)
		}
	case violation != nil:
		w.Problem = "served though it violates the standard: " + violation.Error()
		frame.Payload = payload
	default:
		frame.Payload = payload
	}
	w.Elapsed = time.Since(call.received)
	if err := c.enter(context.Background(), c.writer); err != nil {
		w.Problem = "not sent: " + err.Error()
		c.trace(w, frame)
		return
	}
	c.trace(w, frame)
	_ = c.write(frame.Append(nil)) // a failure ends the connection, which says why
	<-c.writer
}

// handle lets the handler answer a call, which may have a violation all the same.
func (c *Conn) handle(ctx context.Context, call incoming) (payload []byte, violation, err error) {
	defer func() {
		if p := recover(); p != nil {
			payload, err = nil, fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	if call.refusal != nil {
		return nil, nil, call.refusal
	}
	request, violation := c.messages.DecodeRequest(c.side, call.frame.Action, call.frame.Payload)
	if request == nil {
		return nil, nil, violation
	}
	ctx, cancel := context.WithTimeout(ctx, c.o.HandleTimeout)
	defer cancel()
	response, err := c.handler.Handle(ctx, c, Call{
		ID: call.frame.ID, Action: call.frame.Action, Request: request, Received: call.received,
		Repeated: call.repeated, Violation: violation,
	})
	if err != nil {
		return nil, violation, err
	}
	payload, err = c.messages.EncodeResponse(request, response)
	if err != nil {
		return nil, violation, fmt.Errorf("the response is not valid: %v", err) // this side's mistake: not the text of a *CallError
	}
	return payload, violation, nil
}
