package aether_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/memstore"
)

// Two drivers steer one rover. Both know its first event, so both save version 2,
// and one of them learns what the other did.
func Example() {
	ctx := context.Background()
	engine := memstore.New()
	defer engine.Close()
	store, err := engine.Namespace(ctx, "mars")
	if err != nil {
		fmt.Println(err)
		return
	}
	event := func(version aether.Version, eventType, data string) aether.Event {
		return aether.Event{ActorID: "rover/curiosity", Version: version, Type: eventType, Data: json.RawMessage(data)}
	}

	position, err := store.SaveEvents(ctx, event(1, "RoverLanded", `{"x":0,"y":0}`))
	fmt.Println("landed at position", position, err)

	_, err = store.SaveEvents(ctx, event(2, "RoverMoved", `{"x":0,"y":1}`))
	fmt.Println("the first driver:", err)

	_, err = store.SaveEvents(ctx, event(2, "RoverMoved", `{"x":1,"y":0}`))
	fmt.Println("the second driver:", err)

	// The conflict carries what won. Having looked at it the second driver decides
	// again; here, that the rover shall move all the same.
	if conflict, ok := errors.AsType[*aether.ConflictError](err); ok {
		for _, won := range conflict.Events {
			fmt.Println("  won:", won.Version, won.Type, string(won.Data))
		}
		_, err = store.SaveEvents(ctx, event(conflict.Latest+1, "RoverMoved", `{"x":1,"y":1}`))
		fmt.Println("the second driver, again:", err)
	}

	for event, err := range store.GetEvents(ctx, "rover/curiosity", 0) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(event.Version, event.Type, string(event.Data))
	}
	// Output:
	// landed at position 1 <nil>
	// the first driver: <nil>
	// the second driver: aether: version conflict: actor "rover/curiosity" is at version 2, so version 2 cannot be saved
	//   won: 2 RoverMoved {"x":0,"y":1}
	// the second driver, again: <nil>
	// 1 RoverLanded {"x":0,"y":0}
	// 2 RoverMoved {"x":0,"y":1}
	// 3 RoverMoved {"x":1,"y":1}
}

// A program that does not know whether a save landed saves the same events again:
// with the same IDs and versions that is a success which writes nothing.
func ExampleEventStore_SaveEvents_again() {
	ctx := context.Background()
	engine := memstore.New()
	defer engine.Close()
	store, err := engine.Namespace(ctx, "mars")
	if err != nil {
		fmt.Println(err)
		return
	}
	landed := aether.Event{
		ID: aether.NewID(), ActorID: "rover/curiosity", Version: 1,
		Type: "RoverLanded", Data: json.RawMessage(`{"x":0,"y":0}`),
	}
	fmt.Println(store.SaveEvents(ctx, landed))
	fmt.Println(store.SaveEvents(ctx, landed))
	fmt.Println(store.GetLatestVersion(ctx, "rover/curiosity"))
	// Output:
	// 1 <nil>
	// 1 <nil>
	// 1 <nil>
}
