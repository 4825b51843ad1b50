package natsstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/integration"
)

func TestCommands(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	server := sharedServer(t)
	prefix := freshPrefix()
	sender := NewCommands(connect(t, server.URL(), ConnOptions{Prefix: prefix}), nil)
	request := integration.Request{Namespace: "a b", Kind: "grid", Subject: "grid/mars", ID: "c1", Type: "move", Data: json.RawMessage(`{"x":1}`), Metadata: aether.Metadata{CorrelationID: "k"}}
	if _, err := sender.Send(ctx, request); !errors.Is(err, integration.ErrNoServer) {
		t.Errorf("nobody serves: %v", err)
	}

	refusal := aether.Refuse("sold-out", "only %d left", 2)
	conflict := &aether.ConflictError{ActorID: "grid/mars", Tried: 3, Latest: 4, Events: []aether.Event{{ID: "e", ActorID: "grid/mars", Version: 3, Type: "T", Data: json.RawMessage(`1`)}}}
	invalid := &aether.InvalidError{Index: -1, Field: "data", Reason: "is bad"}
	var served [2]atomic.Int64
	answer := func(i int) integration.Answer {
		return func(ctx context.Context, r integration.Request) (integration.Reply, error) {
			served[i].Add(1)
			if _, ok := ctx.Deadline(); !ok {
				return integration.Reply{}, errors.New("no deadline")
			}
			switch r.Type {
			case "refuse":
				return integration.Reply{}, refusal
			case "conflict":
				return integration.Reply{}, fmt.Errorf("move: %w", conflict)
			case "invalid":
				return integration.Reply{}, invalid
			case "slow":
				<-ctx.Done()
				return integration.Reply{}, ctx.Err()
			}
			data, err := json.Marshal(r)
			return integration.Reply{Data: data}, err
		}
	}
	serving, stop := context.WithCancel(ctx)
	var done sync.WaitGroup
	for i := range served {
		server := NewCommands(connect(t, server.URL(), ConnOptions{Prefix: prefix}), nil)
		done.Go(func() {
			if err := server.Serve(serving, "a b", "grid", answer(i)); !errors.Is(err, context.Canceled) {
				t.Errorf("Serve: %v", err)
			}
		})
	}
	send := func(kind string) (integration.Reply, error) {
		r := request
		r.Type = kind
		for {
			reply, err := sender.Send(ctx, r)
			if !errors.Is(err, integration.ErrNoServer) { // they have just begun
				return reply, err
			}
		}
	}
	reply, err := send("move")
	var echoed integration.Request
	if err != nil || json.Unmarshal(reply.Data, &echoed) != nil || echoed.ID != "c1" || echoed.Subject != request.Subject || echoed.Metadata != request.Metadata {
		t.Fatalf("the reply is %s, %v", reply.Data, err)
	}
	var refused *aether.Refusal
	if _, err := send("refuse"); !errors.As(err, &refused) || refused.Reason != "sold-out" || !errors.Is(err, aether.ErrRefused) {
		t.Errorf("a refusal: %v", err)
	}
	var lost *aether.ConflictError
	if _, err := send("conflict"); !errors.As(err, &lost) || lost.Latest != 4 || len(lost.Events) != 1 || err.Error() != "move: "+conflict.Error() {
		t.Errorf("a conflict: %v", err)
	}
	var bad *aether.InvalidError
	if _, err := send("invalid"); !errors.As(err, &bad) || *bad != *invalid {
		t.Errorf("a bad request: %v", err)
	}
	short, cancelShort := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancelShort()
	slow := request
	slow.Type = "slow"
	if _, err := sender.Send(short, slow); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a slow answer: %v", err)
	}
	for i := 0; served[0].Load() == 0 || served[1].Load() == 0; i++ { // the sender has heard of both
		request.Subject = fmt.Sprintf("grid/%d", i)
		if _, err := send("move"); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	done.Wait()
	if _, err := sender.Send(ctx, request); !errors.Is(err, integration.ErrNoServer) {
		t.Errorf("nobody serves any more: %v", err)
	}
	request.Kind = ""
	if _, err := sender.Send(ctx, request); !errors.Is(err, aether.ErrInvalid) {
		t.Errorf("no kind: %v", err)
	}
}

// Whoever ends to serve answers what it has taken.
func TestCommandsAreAnsweredAtTheEnd(t *testing.T) {
	t.Parallel()
	conn := connect(t, sharedServer(t).URL(), ConnOptions{})
	commands := NewCommands(conn, nil)
	serving, stop := context.WithCancel(t.Context())
	taken, goOn, served := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(served)
		_ = commands.Serve(serving, "n", "k", func(context.Context, integration.Request) (integration.Reply, error) {
			close(taken)
			<-goOn
			return integration.Reply{Data: json.RawMessage(`"done"`)}, nil
		})
	}()
	answered := make(chan error, 1)
	go func() {
		for {
			_, err := commands.Send(t.Context(), integration.Request{Namespace: "n", Kind: "k", Data: json.RawMessage(`1`)})
			if !errors.Is(err, integration.ErrNoServer) {
				answered <- err
				return
			}
		}
	}()
	<-taken
	stop()
	select {
	case <-served:
		t.Error("Serve returned while a command was under way")
	default:
	}
	close(goOn)
	<-served
	if err := <-answered; err != nil {
		t.Error(err)
	}
}
