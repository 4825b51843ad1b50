package bench

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/server"
)

// serving runs a system in this process, and calls do with its address when it is ready.
func serving(ctx context.Context, store aether.EventStore, system server.System, do func(address string) error) error {
	s, err := server.New(server.Config{Store: store, Namespace: "default", Version: "bench", Logger: slog.New(slog.DiscardHandler)}, system)
	if err != nil {
		return errors.Join(err, system.Close())
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(err, system.Close())
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(running, listener, nil) }()
	address := listener.Addr().String()
	if err = ready(ctx, address); err == nil {
		err = do(address)
	}
	stop()
	return errors.Join(err, <-ended)
}

// ready returns when a server answers queries.
func ready(ctx context.Context, address string) error {
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(r)
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}
