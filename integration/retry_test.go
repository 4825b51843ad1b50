package integration_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/integration"
)

// stage answers the n-th request, from 0, by its n-th function, and then by the last.
type stage struct {
	integration.Commands
	answers []func(ctx context.Context) error
	ids     []string
}

func (s *stage) Send(ctx context.Context, r integration.Request) (integration.Reply, error) {
	n := min(len(s.ids), len(s.answers)-1)
	s.ids = append(s.ids, r.ID)
	return integration.Reply{}, s.answers[n](ctx)
}

func returns(err error) func(context.Context) error {
	return func(context.Context) error { return err }
}

func hangs(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

func TestRetry(t *testing.T) {
	refused := aether.Refuse("no", "never")
	for name, test := range map[string]struct {
		answers []func(context.Context) error
		sent    int
		want    error
		waits   time.Duration
	}{
		"at once":          {[]func(context.Context) error{returns(nil)}, 1, nil, 0},
		"a refusal stays":  {[]func(context.Context) error{returns(refused)}, 1, aether.ErrRefused, 0},
		"nodes come":       {[]func(context.Context) error{returns(integration.ErrNoServer), returns(aether.ErrClosed), returns(nil)}, 3, nil, time.Second},
		"unknown at first": {[]func(context.Context) error{returns(&actor.UnknownError{Err: aether.ErrUnavailable}), returns(refused)}, 2, aether.ErrRefused, time.Second},
		"killed":           {[]func(context.Context) error{hangs, returns(nil)}, 2, nil, 6 * time.Second},
		"all hang":         {[]func(context.Context) error{hangs}, 3, aether.ErrUnavailable, 15 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stage{answers: test.answers}
				begin := time.Now()
				_, err := integration.Retry(s, nil).Send(t.Context(), integration.Request{})
				if !errors.Is(err, test.want) || test.want == nil && err != nil {
					t.Errorf("Send: %v, want %v", err, test.want)
				}
				if len(s.ids) != test.sent || time.Since(begin) > test.waits {
					t.Errorf("%d requests in %v, want %d in %v", len(s.ids), time.Since(begin), test.sent, test.waits)
				}
				for _, id := range s.ids {
					if id == "" || id != s.ids[0] {
						t.Errorf("the IDs are %q", s.ids)
					}
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := integration.Retry(&stage{answers: []func(context.Context) error{hangs}}, nil).Send(ctx, integration.Request{ID: "mine"})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the caller's own time is up: %v", err)
		}
	})
}
