package effect_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/effect"
	"github.com/aether-es/aether/memstore"
)

// Somebody asks for a connector to be unlocked. The station is called once, and what
// it said becomes a fact. It does not answer the second time: that is in doubt, and
// a person who has looked settles it.
func Example() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	engine := memstore.New()
	defer engine.Close()
	store, err := engine.Namespace(ctx, "charging")
	if err != nil {
		fmt.Println(err)
		return
	}

	news := make(chan string)
	unlock := effect.Effect{
		Name:  "unlock",
		Kinds: []string{"station"},
		Types: []string{"UnlockRequested"},
		Request: func(event aether.Event) (effect.Request, bool, error) {
			return effect.Request{Target: event.ActorID, Timeout: 20 * time.Second}, true, nil
		},
		Call: func(_ context.Context, call effect.Call) (json.RawMessage, error) {
			news <- "calling " + call.Target
			if call.Cause.Version == 2 {
				return nil, errors.New("the connection was lost")
			}
			return json.RawMessage(`{"status":"Unlocked"}`), nil
		},
		// In a program this is the Record of an actor.Host, and call.ID the ID of the
		// command.
		Record: func(_ context.Context, call effect.Call, outcome effect.Outcome) error {
			news <- "recorded " + call.ID + ": " + string(outcome.Data) + outcome.Reason
			return nil
		},
		// The station could be asked here, were it connected.
		Resolve: func(_ context.Context, call effect.Call) (effect.Outcome, bool, error) {
			news <- "not known yet: " + call.ID
			return effect.Outcome{}, false, nil
		},
	}
	runner := effect.New(store, []effect.Effect{unlock}, nil)
	if err := runner.Begin(ctx); err != nil { // what is requested from here on is called
		fmt.Println(err)
		return
	}
	ended := make(chan error)
	go func() { ended <- runner.Run(ctx) }()

	for version := aether.Version(1); version <= 2; version++ {
		_, err := store.SaveEvents(ctx, aether.Event{
			ActorID: "station/CP-1", Version: version, Type: "UnlockRequested", Data: json.RawMessage(`{"connector":1}`),
		})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(<-news)
		fmt.Println(<-news)
	}

	open, err := runner.List(ctx, effect.InDoubt)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(open[0].ID, "is", open[0].State, "because", open[0].Error)
	err = runner.Settle(ctx, open[0].ID, effect.Outcome{Done: true, Reason: "the cable is out"}, "ann")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(<-news)

	cancel()
	fmt.Println(<-ended)
	// Output:
	// calling station/CP-1
	// recorded effect/unlock/station/CP-1@1: {"status":"Unlocked"}
	// calling station/CP-1
	// not known yet: effect/unlock/station/CP-1@2
	// effect/unlock/station/CP-1@2 is in-doubt because the connection was lost
	// recorded effect/unlock/station/CP-1@2: the cable is out
	// context canceled
}
