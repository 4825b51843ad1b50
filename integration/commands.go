package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/aether-es/aether"
)

// Request is a command on its way over a bus.
type Request struct {
	System  string // whom it is for
	ID      string // the command's; the same again has no further effect
	Type    string // what is to be done, in the words of the system: "move"
	Subject string // with what; an actor's ID

	Data     json.RawMessage
	Metadata aether.Metadata
}

// Reply is what became of it: one JSON value, in the words of the system.
type Reply struct {
	Data json.RawMessage
}

// Commands carries commands over a bus, beside HTTP. It is safe for concurrent use.
type Commands interface {
	// Send has a system carry out a command, and returns its reply or its error; a
	// refusal stays an [aether.ErrRefused]. [ErrNoServer] says that nobody serves the
	// system. After another error the command may or may not have been carried out;
	// the same request again finds out.
	Send(ctx context.Context, request Request) (Reply, error)

	// Serve answers the requests for a system, several at a time, until ctx ends,
	// whose error it returns.
	Serve(ctx context.Context, system string, answer func(ctx context.Context, request Request) (Reply, error)) error
}

// ErrNoServer says that nobody serves a system at the moment.
var ErrNoServer = errors.New("integration: nobody takes commands for this system")

// LocalCommands is [Commands] within one process. The zero value is ready.
type LocalCommands struct {
	mu      sync.RWMutex
	servers map[string]func(context.Context, Request) (Reply, error)
}

var _ Commands = (*LocalCommands)(nil)

// Send is described at [Commands].
func (c *LocalCommands) Send(ctx context.Context, request Request) (Reply, error) {
	c.mu.RLock()
	answer := c.servers[request.System]
	c.mu.RUnlock()
	if answer == nil {
		return Reply{}, fmt.Errorf("%w: %q", ErrNoServer, request.System)
	}
	return answer(ctx, request)
}

// Serve is described at [Commands]. Within a process a system has one server: a
// second one fails.
func (c *LocalCommands) Serve(ctx context.Context, system string, answer func(ctx context.Context, request Request) (Reply, error)) error {
	c.mu.Lock()
	if c.servers[system] != nil {
		c.mu.Unlock()
		return fmt.Errorf("integration: %q is served already", system)
	}
	if c.servers == nil {
		c.servers = make(map[string]func(context.Context, Request) (Reply, error))
	}
	c.servers[system] = answer
	c.mu.Unlock()
	<-ctx.Done()
	c.mu.Lock()
	delete(c.servers, system)
	c.mu.Unlock()
	return ctx.Err()
}
