package integration_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/integration"
)

func TestLocalCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var commands integration.LocalCommands
		request := integration.Request{Namespace: "test", Kind: "grid", ID: "1", Type: "move", Subject: "grid/mars", Data: []byte(`"F"`)}
		if _, err := commands.Send(t.Context(), request); !errors.Is(err, integration.ErrNoServer) {
			t.Errorf("Send: %v, want ErrNoServer", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- commands.Serve(ctx, "test", "grid", func(_ context.Context, r integration.Request) (integration.Reply, error) {
				if r.Type == "fly" {
					return integration.Reply{}, aether.Refuse("no-wings", "rovers do not fly")
				}
				return integration.Reply{Data: r.Data}, nil
			})
		}()
		synctest.Wait()
		if reply, err := commands.Send(t.Context(), request); err != nil || string(reply.Data) != `"F"` {
			t.Errorf("Send: %s, %v", reply.Data, err)
		}
		request.Type = "fly"
		if _, err := commands.Send(t.Context(), request); !errors.Is(err, aether.ErrRefused) {
			t.Errorf("Send: %v, want a refusal", err)
		}
		elsewhere := request
		elsewhere.Namespace = "other"
		if _, err := commands.Send(t.Context(), elsewhere); !errors.Is(err, integration.ErrNoServer) {
			t.Errorf("Send to another namespace: %v, want ErrNoServer", err)
		}
		if err := commands.Serve(t.Context(), "test", "grid", nil); err == nil {
			t.Error("a second server was accepted")
		}
		cancel()
		if err := <-ended; err != context.Canceled {
			t.Errorf("Serve: %v", err)
		}
		if _, err := commands.Send(t.Context(), request); !errors.Is(err, integration.ErrNoServer) {
			t.Errorf("Send in the end: %v, want ErrNoServer", err)
		}
	})
}

// Serve waits for the answers that it has begun, and takes no more meanwhile.
func TestServeWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var commands integration.LocalCommands
		request := integration.Request{Namespace: "test", Kind: "grid"}
		ctx, stop := context.WithCancel(t.Context())
		working := false
		served := make(chan struct{})
		go func() {
			_ = commands.Serve(ctx, "test", "grid", func(context.Context, integration.Request) (integration.Reply, error) {
				working = true
				time.Sleep(time.Hour)
				working = false
				return integration.Reply{}, nil
			})
			close(served)
		}()
		synctest.Wait()
		answered := make(chan error, 1)
		go func() {
			_, err := commands.Send(t.Context(), request)
			answered <- err
		}()
		synctest.Wait()
		stop()
		synctest.Wait()
		if _, err := commands.Send(t.Context(), request); !errors.Is(err, integration.ErrNoServer) {
			t.Errorf("Send while it ends: %v, want ErrNoServer", err)
		}
		<-served
		if working {
			t.Error("Serve has returned, and an answer is still being made")
		}
		if err := <-answered; err != nil {
			t.Errorf("Send: %v", err)
		}
	})
}
