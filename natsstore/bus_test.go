package natsstore

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/natsstore/natsserver"
)

var roverStream = integration.Stream{Namespace: "a/b ü", System: "rover x", Version: 2}

func integrationEvents(stream integration.Stream, from, n int) []integration.Event {
	var events []integration.Event
	for i := from; i < from+n; i++ {
		events = append(events, integration.Event{
			Type: "rover moved", Subject: "grid/Mars ü%", Data: []byte(fmt.Sprintf(`{"n":%d}`, i)), ID: fmt.Sprintf("grid/mars@%d.0", i),
			Stream: stream, Sequence: uint64(i), Position: aether.Position(2 * i), Last: true,
			Time:     time.Date(2026, 3, 2, 8, 0, 7, 250_000_000, time.UTC),
			Metadata: aether.Metadata{CorrelationID: " request 7 ", Traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
		})
	}
	return events
}

// receive takes n events after a number.
func receive(ctx context.Context, t *testing.T, bus integration.Bus, stream integration.Stream, after uint64, n int) []integration.Event {
	t.Helper()
	var got []integration.Event
	for e, err := range bus.Subscribe(ctx, stream, after) {
		if err != nil {
			t.Errorf("Subscribe after %d: %v", after, err)
			return got
		}
		if got = append(got, e); len(got) == n {
			break
		}
	}
	return got
}

func TestBus(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	server := sharedServer(t)
	prefix := freshPrefix()
	bus := NewBus(connect(t, server.URL(), ConnOptions{Prefix: prefix}), nil)
	other := NewBus(connect(t, server.URL(), ConnOptions{Prefix: prefix}), nil)
	if cursor, err := bus.Last(ctx, roverStream); err != nil || cursor != (integration.Cursor{}) {
		t.Fatalf("Last of nothing: %v, %v", cursor, err)
	}
	all := integrationEvents(roverStream, 1, 2500)
	var followed []integration.Event
	var done sync.WaitGroup
	done.Go(func() { followed = receive(ctx, t, other, roverStream, 0, len(all)) })
	// Two relays publish the same, in pieces of their own, some of it again.
	for i, b := range []*Bus{bus, other} {
		done.Go(func() {
			for from := 0; from < len(all); {
				to := min(len(all), from+100+37*i)
				if err := b.Publish(ctx, all[max(0, from-20):to]...); errors.Is(err, integration.ErrGap) {
					continue // the other is behind
				} else if err != nil {
					t.Error(err)
					return
				}
				from = to
			}
		})
	}
	done.Wait()
	if !reflect.DeepEqual(followed, all) {
		t.Fatalf("%d events were followed, want %d; the first is %+v, want %+v", len(followed), len(all), followed[0], all[0])
	}
	for _, after := range []uint64{0, 1, 1249, 2498} {
		if got := receive(ctx, t, bus, roverStream, after, 2); len(got) > 0 && got[0].Sequence != after+1 {
			t.Errorf("after %d comes %d", after, got[0].Sequence)
		}
	}
	var gap *integration.GapError
	if err := bus.Publish(ctx, integrationEvents(roverStream, 2502, 1)...); !errors.As(err, &gap) || gap.Expected != 2501 || gap.Got != 2502 {
		t.Errorf("a gap: %v", err)
	}
	mixed := integrationEvents(integration.Stream{Namespace: "a", System: "b"}, 1, 1)
	if err := bus.Publish(ctx, append(integrationEvents(roverStream, 2501, 1), mixed...)...); !errors.Is(err, integration.ErrMixed) {
		t.Errorf("two streams: %v", err)
	}
	if err := bus.Publish(ctx, mixed...); err != nil {
		t.Error(err)
	}
	// A position whose last event has not come does not count.
	half := integrationEvents(roverStream, 2501, 2)
	half[0].Last, half[1].Last = false, false
	if err := bus.Publish(ctx, half...); err != nil {
		t.Error(err)
	}
	if cursor, err := other.Last(ctx, roverStream); err != nil || cursor != (integration.Cursor{Sequence: 2500, Position: 5000}) {
		t.Errorf("Last: %v, %v", cursor, err)
	}
	if err := bus.Close(); err != nil {
		t.Error(err)
	}
	for _, err := range bus.Subscribe(ctx, roverStream, 0) {
		if !errors.Is(err, aether.ErrClosed) {
			t.Errorf("Subscribe to a closed bus: %v", err)
		}
	}
}

func TestBusForgets(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	bus := NewBus(connect(t, sharedServer(t).URL(), ConnOptions{}), &BusOptions{MaxBytes: 64 << 10})
	events := integrationEvents(roverStream, 1, 300)
	for i := range events {
		events[i].Data = []byte(`"` + strings.Repeat("x", 500) + `"`)
	}
	if err := bus.Publish(ctx, events...); err != nil {
		t.Fatal(err)
	}
	for _, err := range bus.Subscribe(ctx, roverStream, 0) {
		var gone *integration.GoneError
		if !errors.As(err, &gone) || gone.After != 0 || gone.First < 100 {
			t.Fatalf("the first of what is forgotten: %v", err)
		}
		if got := receive(ctx, t, bus, roverStream, gone.First-1, 1); len(got) != 1 || got[0].Sequence != gone.First {
			t.Errorf("the first that is there: %v", got)
		}
		break
	}
}

// A subscription goes on when the server was restarted.
func TestBusOverRestart(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	folder := t.TempDir()
	server := startServer(t, folder, natsserver.Options{})
	bus := NewBus(connect(t, server.URL(), ConnOptions{Timeout: 30 * time.Second}), nil)
	events := integrationEvents(roverStream, 1, 20)
	if err := bus.Publish(ctx, events[:10]...); err != nil {
		t.Fatal(err)
	}
	n := 0
	for e, err := range bus.Subscribe(ctx, roverStream, 0) {
		if err != nil || e.Sequence != uint64(n+1) {
			t.Fatalf("event %d: %d, %v", n+1, e.Sequence, err)
		}
		if n++; n == 5 {
			server.Shutdown()
			server = startServer(t, folder, natsserver.Options{Listen: strings.TrimPrefix(server.URL(), "nats://")})
			if err := bus.Publish(ctx, events...); err != nil {
				t.Fatal(err)
			}
		}
		if n == len(events) {
			break
		}
	}
}
