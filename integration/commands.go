package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/aether-es/aether"
)

// Request is a command on its way over a bus. Its JSON form is the one on the wire.
type Request struct {
	// Namespace and Kind say whom it is for: the actors of a kind in a namespace.
	Namespace string `json:"namespace"`
	Kind      string `json:"kind"`

	// Subject is the actor, "grid/mars"; a command that makes a new one may leave it
	// to the system to name it.
	Subject string `json:"subject,omitempty"`

	// ID is the command's. The same ID again, for the same actor, has no further effect
	// and gets the first reply; with another command it is an
	// [aether.ErrDuplicateEvent].
	ID string `json:"id"`

	// Type is what is to be done, in the words of the system: "move-rover".
	Type string          `json:"type"`
	Data json.RawMessage `json:"data"`

	// At, when it is not nil, is the version of the actor that the sender has seen. If
	// what has happened since matters to the command, it fails with an
	// [aether.ErrVersionConflict].
	At *aether.Version `json:"at,omitempty"`

	Metadata aether.Metadata `json:"metadata,omitzero"`
}

// Reply is what became of it: one JSON value, in the words of the system.
type Reply struct {
	Data json.RawMessage
}

// Answer carries out a command.
type Answer func(ctx context.Context, request Request) (Reply, error)

// Commands carries commands over a bus, beside HTTP. It is safe for concurrent use.
type Commands interface {
	// Send has a system carry out a command, and returns its reply or its error, whose
	// class and facts come over the bus as [DecodeError] says: a refusal stays an
	// [aether.Refusal]. [ErrNoServer] says that nobody serves the kind. After an error
	// without a class the command may or may not have been carried out; the same
	// request again finds out.
	Send(ctx context.Context, request Request) (Reply, error)

	// Serve answers the requests for a kind of a namespace, several at a time, until
	// ctx ends. Then it takes no more, waits until those under way are answered, and
	// returns the error of ctx.
	Serve(ctx context.Context, namespace, kind string, answer Answer) error
}

// ErrNoServer says that nobody serves the actors of a kind at the moment.
var ErrNoServer = errors.New("integration: nobody takes commands for these actors")

// LocalCommands is [Commands] within one process. The zero value is ready.
type LocalCommands struct {
	mu      sync.Mutex
	servers map[address]*localServer
}

// address is whom a request is for.
type address struct{ namespace, kind string }

type localServer struct {
	answer   Answer
	underWay sync.WaitGroup
}

var _ Commands = (*LocalCommands)(nil)

// Send is described at [Commands].
func (c *LocalCommands) Send(ctx context.Context, request Request) (Reply, error) {
	c.mu.Lock()
	server := c.servers[address{request.Namespace, request.Kind}]
	if server != nil {
		server.underWay.Add(1) // under the lock: Serve waits only when no more can come
	}
	c.mu.Unlock()
	if server == nil {
		return Reply{}, fmt.Errorf("%w: %q of namespace %q", ErrNoServer, request.Kind, request.Namespace)
	}
	defer server.underWay.Done()
	return server.answer(ctx, request)
}

// Serve is described at [Commands]. Within a process a kind has one server: a second
// one fails.
func (c *LocalCommands) Serve(ctx context.Context, namespace, kind string, answer Answer) error {
	to := address{namespace, kind}
	server := &localServer{answer: answer}
	c.mu.Lock()
	if c.servers[to] != nil {
		c.mu.Unlock()
		return fmt.Errorf("integration: %q of namespace %q is served already", kind, namespace)
	}
	if c.servers == nil {
		c.servers = make(map[address]*localServer)
	}
	c.servers[to] = server
	c.mu.Unlock()
	<-ctx.Done()
	c.mu.Lock()
	delete(c.servers, to)
	c.mu.Unlock()
	server.underWay.Wait()
	return ctx.Err()
}
