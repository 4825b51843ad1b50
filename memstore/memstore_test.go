package memstore_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/memstore"
	"github.com/aether-es/aether/storetest"
)

func TestConformance(t *testing.T) {
	features := storetest.Features{Snapshots: true, Shared: true}
	storetest.Run(t, features, func(*testing.T) storetest.Storage {
		store := memstore.New()
		var open atomic.Int32
		return storetest.Storage{Open: func(context.Context) (aether.Engine, error) {
			open.Add(1)
			return opening{store, &open}, nil
		}}
	})
}

// opening is one of several users of a store, as a process is of a server: the
// last one to close it closes the store.
type opening struct {
	*memstore.Store
	open *atomic.Int32
}

func (o opening) Close() error {
	if o.open.Add(-1) > 0 {
		return nil
	}
	return o.Store.Close()
}

// Other engines leave open whether a save with a done context was written.
func TestDoneContextWritesNothing(t *testing.T) {
	engine := memstore.New()
	defer engine.Close()
	store, err := engine.Namespace(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = store.SaveEvents(done, aether.Event{ActorID: "room/1", Version: 1, Type: "Opened", Data: []byte(`{}`)})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("SaveEvents: %v, want %v", err, context.Canceled)
	}
	if position, err := store.GetLatestPosition(t.Context()); err != nil || position != 0 {
		t.Errorf("GetLatestPosition: %d, %v; want 0", position, err)
	}
}

func TestCloseAgain(t *testing.T) {
	engine := memstore.New()
	if err := engine.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if err := engine.Close(); !errors.Is(err, aether.ErrClosed) {
		t.Errorf("Close again: %v, want %v", err, aether.ErrClosed)
	}
}

func Example() {
	ctx := context.Background()
	engine := memstore.New()
	defer engine.Close()
	store, err := engine.Namespace(ctx, "demo")
	if err != nil {
		fmt.Println(err)
		return
	}

	opened := aether.Event{ActorID: "room/1", Version: 1, Type: "Opened", Data: []byte(`{"seats":12}`)}
	position, err := store.SaveEvents(ctx, opened)
	fmt.Println(position, err)

	// Somebody else believes that the room is new, too.
	other := aether.Event{ActorID: "room/1", Version: 1, Type: "Opened", Data: []byte(`{"seats":8}`)}
	_, err = store.SaveEvents(ctx, other)
	if conflict, ok := errors.AsType[*aether.ConflictError](err); ok {
		fmt.Printf("%s is at version %d: %s\n", conflict.ActorID, conflict.Latest, conflict.Events[0].Data)
	}
	// Output:
	// 1 <nil>
	// room/1 is at version 1: {"seats":12}
}
