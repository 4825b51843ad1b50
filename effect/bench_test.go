package effect_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/effect"
	"github.com/aether-es/aether/memstore"
)

// What an effect costs, from the plan to its closing, while so many others wait: for
// the same target, or each for one of its own. The store, three saves an effect, is
// in memory and keeps no checkpoints. The cost must not grow with those that wait.
func BenchmarkPending(b *testing.B) {
	for _, spread := range []bool{false, true} {
		for _, pending := range []int{1_000, 8_000, 64_000} {
			name := fmt.Sprintf("one-target/%d", pending)
			if spread {
				name = fmt.Sprintf("many-targets/%d", pending)
			}
			b.Run(name, func(b *testing.B) { benchmarkPending(b, pending, spread) })
		}
	}
}

func benchmarkPending(b *testing.B, pending int, spread bool) {
	engine := memstore.New()
	defer engine.Close()
	store, err := engine.Namespace(b.Context(), "bench")
	if err != nil {
		b.Fatal(err)
	}
	var events []aether.Event
	for i := range pending + b.N {
		events = append(events, aether.Event{
			ID: aether.NewID(), ActorID: "station/1", Version: aether.Version(i + 1), Type: "UnlockRequested",
			Data: json.RawMessage(fmt.Sprint(i)),
		})
		if len(events) == 1000 || i == pending+b.N-1 {
			if _, err := store.SaveEvents(b.Context(), events...); err != nil {
				b.Fatal(err)
			}
			events = events[:0]
		}
	}
	var (
		begun, ended   = make(chan struct{}), make(chan struct{})
		gate           = make(chan struct{})
		calls, records atomic.Int64
	)
	unlock := effect.Effect{
		Name: "unlock", Types: []string{"UnlockRequested"}, FromStart: true,
		Request: func(event aether.Event) (effect.Request, bool, error) {
			target := event.ActorID
			if spread {
				target += "/" + string(event.Data)
			}
			return effect.Request{Target: target}, true, nil
		},
		Call: func(context.Context, effect.Call) (json.RawMessage, error) {
			if calls.Add(1) == 1 {
				close(begun)
			}
			<-gate
			return nil, nil
		},
		Record: func(context.Context, effect.Call, effect.Outcome) error {
			if records.Add(1) == int64(b.N) {
				close(ended)
			}
			return nil
		},
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = effect.New(bare{store}, []effect.Effect{unlock}, options(nil)).Run(ctx)
	}()
	<-begun
	b.ResetTimer()
	close(gate)
	<-ended
	b.StopTimer()
	cancel()
	<-done
}
