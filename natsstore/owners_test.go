package natsstore

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/aether-es/aether/integration"
)

// commandNode is a process that serves commands, and tells who has answered.
type commandNode struct {
	commands *Commands
	stop     func() // ends serving, and waits for the end
}

func serveAs(t *testing.T, name, prefix string) *commandNode {
	t.Helper()
	n := &commandNode{commands: NewCommands(connect(t, sharedServer(t).URL(), ConnOptions{Prefix: prefix}), nil)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = n.commands.Serve(ctx, "n", "k", func(context.Context, integration.Request) (integration.Reply, error) {
			return integration.Reply{Data: json.RawMessage(`"` + name + `"`)}, nil
		})
	}()
	n.stop = func() { cancel(); <-done }
	t.Cleanup(n.stop)
	return n
}

// ask sends a command for an actor and returns who has answered.
func ask(t *testing.T, c *Commands, actor int) string {
	t.Helper()
	reply, err := c.Send(t.Context(), integration.Request{Namespace: "n", Kind: "k", Subject: fmt.Sprintf("k/%d", actor), Data: json.RawMessage(`1`)})
	var who string
	if err == nil {
		err = json.Unmarshal(reply.Data, &who)
	}
	if err != nil {
		t.Fatal(err)
	}
	return who
}

// knows returns once a sender knows of so many servers.
func knows(t *testing.T, c *Commands, n int) {
	t.Helper()
	s, err := c.service("n", "k")
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, local := s.owner("k/1"); local != nil { // forgets who was not heard
			local.underWay.Done()
		}
		s.mu.Lock()
		heard := len(s.heard)
		s.mu.Unlock()
		if heard == n {
			return
		}
		runtime.Gosched()
	}
}

// An actor has one owner, wherever its commands are sent from; another server takes only
// its share, and one that leaves leaves no command without an answer.
func TestActorsHaveOwners(t *testing.T) {
	t.Parallel()
	prefix := freshPrefix()
	a, b := serveAs(t, "a", prefix), serveAs(t, "b", prefix)
	outside := NewCommands(connect(t, sharedServer(t).URL(), ConnOptions{Prefix: prefix}), nil)
	for _, c := range []*Commands{a.commands, b.commands, outside} {
		knows(t, c, 2)
	}
	const actors = 200
	owners := make(map[int]string)
	count := make(map[string]int)
	for i := range actors {
		owners[i] = ask(t, outside, i)
		count[owners[i]]++
		for _, c := range []*Commands{a.commands, b.commands} {
			if who := ask(t, c, i); who != owners[i] {
				t.Errorf("actor %d is %s's, and %s has answered", i, owners[i], who)
			}
		}
	}
	if count["a"] < actors/4 || count["b"] < actors/4 {
		t.Errorf("the actors are shared out as %v", count)
	}
	serveAs(t, "c", prefix)
	knows(t, outside, 3)
	for i := range actors {
		if who := ask(t, outside, i); who != owners[i] && who != "c" {
			t.Errorf("actor %d went from %s to %s, and not to the new server", i, owners[i], who)
		}
	}
	// One ends while commands are sent: each has an answer.
	ended := make(chan struct{})
	go func() { a.stop(); close(ended) }()
	for i, over := 0, false; !over; i++ {
		select {
		case <-ended:
			over = true
		default:
		}
		ask(t, outside, i%actors)
	}
	knows(t, outside, 2)
	for i := range actors {
		if who := ask(t, outside, i); who == "a" {
			t.Errorf("actor %d was answered by a server that has ended", i)
		}
	}
}

// A server that is not heard any more, as it is paused or cut off, owns nothing.
func TestSilentServerOwnsNothing(t *testing.T) {
	t.Parallel()
	prefix := freshPrefix()
	a := serveAs(t, "a", prefix)
	knows(t, a.commands, 1)
	s, err := a.commands.service("n", "k")
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	s.heard["gone"] = time.Now().Add(-forgets - time.Millisecond)
	s.heard["killed"] = time.Now()
	s.mu.Unlock()
	for i := range 50 { // "killed" has some of them: nobody listens, so anyone gets the command
		if who := ask(t, a.commands, i); who != "a" {
			t.Errorf("%s has answered", who)
		}
	}
	knows(t, a.commands, 1)
}
