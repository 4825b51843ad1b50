package natsstore

import (
	"context"
	"hash/fnv"
	"io"
	"sync"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/integration"
	"github.com/nats-io/nats.go"
)

// Each Serve has an ID, and says every beat on the subject "servers" of its namespace and
// kind that it is there. Who sends listens, and of those it has heard lately one is the
// owner of an actor: the one whose ID, hashed with the actor's, is the greatest. When a
// server comes or goes, only the actors that it has or had get another owner (rendezvous
// hashing, Thaler and Ravishankar 1998). For a moment two senders may disagree on who
// that is; versions keep what they do correct.
const (
	beat    = time.Second
	forgets = 3500 * time.Millisecond // three beats may get lost
)

// service is what a process knows of those who serve a kind.
type service struct {
	subject string // of requests; a dot and the ID of a Serve follow for one alone

	mu      sync.Mutex
	heard   map[string]time.Time    // by the ID of the Serve
	local   map[string]*localServer // those of this process
	listens *nats.Subscription
}

// localServer is a Serve of this process, which needs no message.
type localServer struct {
	answer   integration.Answer
	underWay sync.WaitGroup
}

// service returns what is known of a kind's servers, and listens from now on.
func (c *Commands) service(namespace, kind string) (*service, error) {
	subject, err := c.conn.names.command(namespace, kind)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.services[subject]; s != nil {
		return s, nil
	}
	s := &service{subject: subject, heard: make(map[string]time.Time), local: make(map[string]*localServer)}
	// A subscription lasts as long as the connection, over every loss of it.
	if s.listens, err = c.conn.nc.Subscribe(c.conn.names.servers(namespace, kind), s.hear); err != nil {
		return nil, c.conn.driverError("send", err)
	}
	_ = c.conn.nc.Publish(s.listens.Subject, nil) // asks who is there; if it is lost, they say so by themselves
	if c.services == nil {
		c.services = make(map[string]*service)
	}
	c.services[subject] = s
	return s, nil
}

// servers is the subject on which those who serve a kind say so.
func (n names) servers(namespace, kind string) string {
	return string(appendToken([]byte(string(n)+".servers."+placeName(namespace)+"."), kind))
}

// hear is told that a server is there ("+ID"), or leaves ("-ID").
func (s *service) hear(m *nats.Msg) {
	if len(m.Data) < 2 {
		return // somebody asks
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch id := string(m.Data[1:]); m.Data[0] {
	case '+':
		s.heard[id] = time.Now()
	case '-':
		delete(s.heard, id)
	}
}

// forget is told that a server does not answer.
func (s *service) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.heard, id)
}

// owner returns the server of an actor, and enters it if it is one of this process. The
// ID is empty when no server is known.
func (s *service) owner(actorID string) (id string, local *localServer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var most uint64
	for candidate, at := range s.heard {
		if time.Since(at) > forgets {
			delete(s.heard, candidate)
			continue
		}
		if w := weight(candidate, actorID); id == "" || w > most || w == most && candidate > id {
			id, most = candidate, w
		}
	}
	if local = s.local[id]; local != nil {
		local.underWay.Add(1) // under the lock: leave waits only when no more can come
	}
	return id, local
}

// weight is that of a server for an actor.
func weight(server, actorID string) uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, server)
	_, _ = h.Write([]byte{0})
	_, _ = io.WriteString(h, actorID)
	// FNV's high bits hardly depend on the last bytes: mixed as in MurmurHash3.
	x := h.Sum64()
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// present says that a server is there, every beat and whenever somebody asks, until ctx
// ends, and then that it leaves. The channel is closed when that is said.
func (c *Commands) present(ctx context.Context, s *service, id string) (left <-chan struct{}, err error) {
	asked := make(chan struct{}, 1)
	sub, err := c.conn.nc.Subscribe(s.listens.Subject, func(m *nats.Msg) {
		if len(m.Data) == 0 {
			select {
			case asked <- struct{}{}:
			default:
			}
		}
	})
	if err != nil {
		return nil, c.conn.driverError("serve", err)
	}
	ended := make(chan struct{})
	ticker := time.NewTicker(beat)
	go func() {
		defer close(ended)
		defer ticker.Stop()
		defer sub.Unsubscribe() //nolint:errcheck // nobody listens any more
		for ctx.Err() == nil {
			_ = c.conn.nc.Publish(s.listens.Subject, []byte("+"+id)) // lost with the connection, which is why it is said again
			select {
			case <-asked:
			case <-ticker.C:
			case <-ctx.Done():
			}
		}
		_ = c.conn.nc.Publish(s.listens.Subject, []byte("-"+id))
	}()
	return ended, nil
}

// join makes a server of this process known to those who send in it.
func (s *service) join(answer integration.Answer) (id string, local *localServer) {
	id, local = aether.NewID(), &localServer{answer: answer}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.local[id], s.heard[id] = local, time.Now()
	return id, local
}

// leave takes it out again, and waits for what it has been asked without a message.
func (s *service) leave(id string, local *localServer) {
	s.mu.Lock()
	delete(s.local, id)
	delete(s.heard, id)
	s.mu.Unlock()
	local.underWay.Wait()
}
