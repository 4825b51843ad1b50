package integration_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/integration"
)

func TestLocalCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var commands integration.LocalCommands
		request := integration.Request{System: "rover", ID: "1", Type: "move", Subject: "grid/mars", Data: []byte(`"F"`)}
		if _, err := commands.Send(t.Context(), request); !errors.Is(err, integration.ErrNoServer) {
			t.Errorf("Send: %v, want ErrNoServer", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- commands.Serve(ctx, "rover", func(_ context.Context, r integration.Request) (integration.Reply, error) {
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
		if err := commands.Serve(t.Context(), "rover", nil); err == nil {
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
