package deadline_test

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/aethertest"
	"github.com/aether-es/aether/deadline"
	"github.com/aether-es/aether/memstore"
)

// hold is the data of the events of a pool of tickets.
type hold struct {
	Hold  int       `json:"hold"`
	Until time.Time `json:"until,omitzero"`
}

// Somebody holds two tickets while paying. Unless they are bought in time they go
// back to the pool.
func Example() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	engine := memstore.New()
	defer engine.Close()
	store, err := engine.Namespace(ctx, "tickets")
	if err != nil {
		fmt.Println(err)
		return
	}
	save := func(version aether.Version, id, eventType string, data hold) error {
		text, err := json.Marshal(data)
		if err != nil {
			return err
		}
		_, err = store.SaveEvents(ctx, aether.Event{ID: id, ActorID: "pool/jazz", Version: version, Type: eventType, Data: text})
		return err
	}

	released := make(chan struct{})
	rule := deadline.Rule{
		Name:  "hold-expires",
		Kinds: []string{"pool"},
		Types: []string{"HoldPlaced", "HoldBought", "HoldExpired"},
		Derive: func(event aether.Event) ([]deadline.Change, error) {
			var data hold
			if err := json.Unmarshal(event.Data, &data); err != nil {
				return nil, err
			}
			name := fmt.Sprintf("hold/%d", data.Hold)
			if event.Type == "HoldPlaced" {
				return []deadline.Change{deadline.Set(name, data.Until)}, nil
			}
			return []deadline.Change{deadline.Clear(name)}, nil
		},
		// A program has a host of package actor, and gives it the command with this ID.
		Fire: func(_ context.Context, d deadline.Deadline) error {
			var data hold
			if err := json.Unmarshal(d.Event.Data, &data); err != nil {
				return err
			}
			fmt.Printf("%s of %s was due at %s\n", d.Name, d.ActorID, d.At.Format(time.TimeOnly))
			defer close(released)
			return save(4, d.CommandID, "HoldExpired", hold{Hold: data.Hold})
		},
	}

	noon := time.Date(2030, 5, 1, 12, 0, 0, 0, time.UTC)
	clock := aethertest.NewClock(noon)
	for _, err := range []error{
		save(1, "", "HoldPlaced", hold{Hold: 1, Until: noon.Add(10 * time.Minute)}),
		save(2, "", "HoldPlaced", hold{Hold: 2, Until: noon.Add(11 * time.Minute)}),
		save(3, "", "HoldBought", hold{Hold: 1}),
	} {
		if err != nil {
			fmt.Println(err)
		}
	}
	holds := deadline.New(store, rule, &deadline.Options{Clock: clock})
	ended := make(chan error)
	go func() { ended <- holds.Run(ctx) }()
	clock.Advance(time.Hour)
	<-released
	cancel()
	fmt.Println(<-ended)
	// Output:
	// hold/2 of pool/jazz was due at 12:11:00
	// context canceled
}
