package natsstore

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/integration"
	"github.com/nats-io/nats.go"
)

// CommandsOptions are the settings of [Commands]. The zero value is what most need.
type CommandsOptions struct {
	// Timeout is how long Send waits for a reply when its context has no deadline: 30
	// seconds when zero.
	Timeout time.Duration

	// Parallel is how many requests a Serve answers at the same time: 256 when zero. 16
	// times as many may wait, as long as their senders do; what comes then is refused with
	// actor.ErrBusy.
	Parallel int
}

// Commands carries commands over NATS by request and reply: no command is kept anywhere.
// Of all processes that serve a kind, an actor has one as its owner, who gets its
// commands wherever they are sent from, and so has its state in memory. Which one that is
// changes as processes come and go: for a moment two may decide about one actor, which
// its versions keep correct. Whoever does not know the owners, as other programs, sends
// to the subject of the kind, "cmd.<namespace>.<kind>", and any one answers. It is safe
// for concurrent use.
type Commands struct {
	conn    *Conn
	options CommandsOptions

	mu       sync.Mutex
	services map[string]*service // by the subject of requests
}

var _ integration.Commands = (*Commands)(nil)

// headerTimeout is how long the sender waits, so that nobody works for one who has left.
// It is a duration, as clocks differ.
const headerTimeout = "Aether-Timeout"

// commandQueue is the queue group of all that serve a kind.
const commandQueue = "aether"

// linger is how long requests are taken from those who have not heard yet that a server
// leaves.
const linger = 200 * time.Millisecond

// NewCommands returns commands over a connection, which must outlive them.
func NewCommands(conn *Conn, options *CommandsOptions) *Commands {
	c := &Commands{conn: conn}
	if options != nil {
		c.options = *options
	}
	c.options.Timeout = cmp.Or(max(c.options.Timeout, 0), 30*time.Second)
	c.options.Parallel = cmp.Or(max(c.options.Parallel, 0), 256)
	return c
}

// command returns the subject of the requests for a kind: "cmd.default.rover".
func (n names) command(namespace, kind string) (string, error) {
	if err := aether.CheckNamespace(namespace); err != nil {
		return "", err
	}
	if kind == "" || len(kind) > aether.MaxNameLength {
		return "", &aether.InvalidError{Index: -1, Field: "kind", Reason: fmt.Sprintf("has %d bytes; it needs 1 to %d", len(kind), aether.MaxNameLength)}
	}
	prefix := "cmd."
	if n != defaultPrefix {
		prefix = string(n) + ".cmd."
	}
	return string(appendToken([]byte(prefix+placeName(namespace)+"."), kind)), nil
}

// Send is described at [integration.Commands]. A request that does not fit the server's
// max_payload is an [ErrTooLarge]. When no reply came in time, or the connection was
// lost, the error is an [UnavailableError] that says Unknown, or that of ctx.
func (c *Commands) Send(ctx context.Context, request integration.Request) (integration.Reply, error) {
	s, err := c.service(request.Namespace, request.Kind)
	if err != nil {
		return integration.Reply{}, err
	}
	if err := ctx.Err(); err != nil {
		return integration.Reply{}, err
	}
	owner := ""
	if request.Subject != "" {
		var local *localServer
		if owner, local = s.owner(request.Subject); local != nil {
			defer local.underWay.Done()
			return local.answer(ctx, request)
		}
	}
	data, err := json.Marshal(request)
	if err != nil {
		return integration.Reply{}, &aether.InvalidError{Index: -1, Field: "data", Reason: "cannot be sent: " + err.Error()}
	}
	if owner != "" {
		reply, err := c.send(ctx, s.subject+"."+owner, data)
		if !errors.Is(err, nats.ErrNoResponders) {
			return reply, err
		}
		s.forget(owner) // it has left, and had not got the request
	}
	reply, err := c.send(ctx, s.subject, data)
	if errors.Is(err, nats.ErrNoResponders) {
		err = fmt.Errorf("%w: %q of namespace %q", integration.ErrNoServer, request.Kind, request.Namespace)
	}
	return reply, err
}

// send sends a request to a subject. That nobody has got it is a nats.ErrNoResponders.
func (c *Commands) send(ctx context.Context, subject string, data []byte) (integration.Reply, error) {
	wait := c.options.Timeout
	if deadline, ok := ctx.Deadline(); ok {
		wait = time.Until(deadline)
	}
	m := &nats.Msg{Subject: subject, Data: data, Header: nats.Header{headerTimeout: {wait.String()}}}
	if size, limit := messageSize(m), int(c.conn.nc.MaxPayload()); size > limit {
		return integration.Reply{}, &TooLargeError{Index: -1, Size: size, Limit: limit}
	}
	reply, err := c.conn.request(ctx, m, wait)
	switch {
	case err == nil:
		return integration.DecodeReply(reply.Data)
	case ctx.Err() != nil:
		return integration.Reply{}, ctx.Err()
	case errors.Is(err, nats.ErrNoResponders):
		return integration.Reply{}, err
	case errors.Is(err, nats.ErrReconnectBufExceeded):
		return integration.Reply{}, &UnavailableError{Op: "send", Reason: "there is no connection"}
	}
	return integration.Reply{}, &UnavailableError{Op: "send", Reason: "no reply came", Unknown: true}
}

// Serve is described at [integration.Commands]. Any number of processes may serve a
// kind. The context of an answer ends when the sender has left; not when ctx ends, as
// what was taken is carried out.
func (c *Commands) Serve(ctx context.Context, namespace, kind string, answer integration.Answer) error {
	s, err := c.service(namespace, kind)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	var underWay sync.WaitGroup
	places := make(chan struct{}, c.options.Parallel)
	waiting := make(chan struct{}, waitingPerPlace*c.options.Parallel)
	take := func(m *nats.Msg) {
		select {
		case waiting <- struct{}{}:
		default:
			c.reply(m, "", integration.Reply{}, actor.ErrBusy)
			return
		}
		underWay.Go(func() {
			defer func() { <-waiting }()
			// Its sender's patience begins now, and not when there is a place for it.
			ctx, cancel := patience(context.WithoutCancel(ctx), m)
			defer cancel()
			select {
			case places <- struct{}{}:
			case <-ctx.Done():
				return // the sender has left, and perhaps sent it again
			}
			defer func() { <-places }()
			c.answer(ctx, m, answer)
		})
	}
	id, local := s.join(answer)
	defer s.leave(id, local)
	anyone, err := c.conn.nc.QueueSubscribe(s.subject, commandQueue, take)
	if err != nil {
		return c.conn.driverError("serve", err)
	}
	alone, err := c.conn.nc.Subscribe(s.subject+"."+id, take)
	if err != nil {
		_ = anyone.Unsubscribe()
		return c.conn.driverError("serve", err)
	}
	// Whoever sends from now on finds it; if not now, when the connection is there again.
	_ = c.conn.nc.FlushTimeout(askTimeout)
	left, err := c.present(ctx, s, id)
	if err != nil {
		_, _ = anyone.Unsubscribe(), alone.Unsubscribe()
		return err
	}
	<-left
	s.leave(id, local)
	// Senders hear that it leaves. Until they do, a server of NATS to which the end of the
	// subscriptions has not come yet would pass a request on to where nobody takes it, and
	// its sender wait in vain.
	pause(context.WithoutCancel(ctx), linger)
	// What the server has handed over is answered; it hands over no more.
	var drained sync.WaitGroup
	for _, sub := range []*nats.Subscription{anyone, alone} {
		closed := make(chan struct{})
		sub.SetClosedHandler(func(string) { close(closed) })
		if sub.Drain() == nil {
			drained.Go(func() { <-closed })
		}
	}
	drained.Wait()
	underWay.Wait()
	return ctx.Err()
}

// waitingPerPlace is how many requests may wait for each that is answered at a time.
const waitingPerPlace = 16

// patience returns a context that ends when the sender of a request waits no more.
func patience(ctx context.Context, m *nats.Msg) (context.Context, context.CancelFunc) {
	wait, err := time.ParseDuration(m.Header.Get(headerTimeout))
	if err != nil {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, wait)
}

// answer carries out a request and sends the reply.
func (c *Commands) answer(ctx context.Context, m *nats.Msg, answer integration.Answer) {
	var request integration.Request
	var reply integration.Reply
	err := json.Unmarshal(m.Data, &request)
	if err != nil {
		err = &aether.InvalidError{Index: -1, Field: "request", Reason: "is not the JSON of one: " + err.Error()}
	} else {
		reply, err = answer(ctx, request)
	}
	c.reply(m, request.ID, reply, err)
}

// reply sends what became of a request.
func (c *Commands) reply(m *nats.Msg, id string, reply integration.Reply, err error) {
	data, failed := integration.EncodeReply(reply, err)
	if limit := int(c.conn.nc.MaxPayload()); failed == nil && len(data) > limit {
		failed = &TooLargeError{Index: -1, Size: len(data), Limit: limit}
	}
	if failed != nil {
		c.conn.logger.Error("natsstore: a reply cannot be sent", "subject", m.Subject, "command", id, "error", failed)
		data, _ = integration.EncodeReply(integration.Reply{}, failed) // a text alone does not fail
	}
	if m.Reply == "" {
		return
	}
	if err := c.conn.nc.Publish(m.Reply, data); err != nil {
		c.conn.logger.Warn("natsstore: a reply is lost; the sender finds out by the same command again", "subject", m.Subject, "command", id, "error", err)
	}
}
