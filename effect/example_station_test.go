package effect_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/effect"
	"github.com/aether-es/aether/memstore"
	"github.com/aether-es/aether/schema"
)

// The events of a charging station with one connector. The first is a decision, and
// asks for the effect; the other two are facts.
type (
	StationEvent    interface{ station() }
	UnlockRequested struct {
		By string `json:"by"`
	}
	UnlockEnded struct {
		Unlocked bool   `json:"unlocked"`
		Reason   string `json:"reason,omitempty"`
	}
	FaultReported struct{}
)

func (UnlockRequested) station() {}
func (UnlockEnded) station()     {}
func (FaultReported) station()   {}

// Station is the state.
type Station struct {
	Connector string
	Fault     bool
}

// Unlock is the only command; the other things a station is told are facts, which
// are events as they come.
type Unlock struct{ By string }

func stations() actor.Decider[Station, any, StationEvent] {
	return actor.Decider[Station, any, StationEvent]{
		Kind: "station",
		Events: schema.New[StationEvent](
			schema.Type[UnlockRequested]("UnlockRequested"),
			schema.Type[UnlockEnded]("UnlockEnded"),
			schema.Type[FaultReported]("FaultReported"),
		),
		Initial: func(string) Station { return Station{Connector: "free"} },
		Decide: func(s Station, command any) ([]StationEvent, error) {
			switch c := command.(type) {
			case Unlock:
				if s.Fault || s.Connector != "free" {
					return nil, aether.Refuse("occupied", "the connector is %s, and a fault is there: %v", s.Connector, s.Fault)
				}
				return []StationEvent{UnlockRequested(c)}, nil
			case StationEvent:
				return []StationEvent{c}, nil
			}
			return nil, errors.New("no such command")
		},
		Evolve: func(s Station, event StationEvent) Station {
			switch e := event.(type) {
			case UnlockRequested:
				s.Connector = "reserved"
			case UnlockEnded:
				s.Connector = "free"
				if e.Unlocked {
					s.Connector = "unlocked"
				}
			case FaultReported:
				s.Fault = true
			}
			return s
		},
	}
}

// A command, its effect and the fact that comes of it. The command reserves the
// connector; a second one is refused, and a fault that is reported meanwhile does not
// disturb the call. What the station answers is recorded by the same host.
func Example_station() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	engine := memstore.New()
	defer engine.Close()
	store, err := engine.Namespace(ctx, "charging")
	if err != nil {
		fmt.Println(err)
		return
	}
	host := actor.NewHost(store, stations(), nil)
	defer host.Close()

	calling, answer, recorded := make(chan string), make(chan string), make(chan string)
	unlock := effect.Effect{
		Name:  "unlock",
		Kinds: []string{"station"},
		Types: []string{"UnlockRequested"},
		Request: func(event aether.Event) (effect.Request, bool, error) {
			return effect.Request{Target: event.ActorID}, true, nil
		},
		Call: func(_ context.Context, call effect.Call) (json.RawMessage, error) {
			calling <- call.ID
			return json.Marshal(<-answer)
		},
		// The ID of the call is that of the command, so the outcome is recorded once
		// however often it is tried.
		Record: func(ctx context.Context, call effect.Call, outcome effect.Outcome) error {
			ended := UnlockEnded{Unlocked: outcome.Done && string(outcome.Data) == `"Unlocked"`, Reason: outcome.Reason}
			_, err := host.Record(ctx, call.Cause.ActorID, ended, &actor.DoOptions{CommandID: call.ID})
			if err == nil {
				recorded <- call.ID
			}
			return err
		},
	}
	runner := effect.New(store, []effect.Effect{unlock}, nil)
	if err := runner.Begin(ctx); err != nil { // what is requested from here on is called
		fmt.Println(err)
		return
	}
	ended := make(chan error)
	go func() { ended <- runner.Run(ctx) }()

	result, err := host.Do(ctx, "station/CP-1", Unlock{By: "ann"}, &actor.DoOptions{CommandID: "c-1"})
	fmt.Println("accepted at version", result.Version, err)
	fmt.Println("calling for", <-calling)
	_, err = host.Do(ctx, "station/CP-1", Unlock{By: "bob"}, &actor.DoOptions{CommandID: "c-2"})
	fmt.Println(err)
	if _, err = host.Record(ctx, "station/CP-1", FaultReported{}, nil); err != nil {
		fmt.Println(err)
	}
	answer <- "Unlocked"
	fmt.Println("recorded", <-recorded)
	cancel()
	<-ended

	for event, err := range store.GetEvents(context.Background(), "station/CP-1", 0) {
		fmt.Println(event.Version, event.Type, string(event.Data), err)
	}
	// Output:
	// accepted at version 1 <nil>
	// calling for effect/unlock/station/CP-1@1
	// refused: occupied: the connector is reserved, and a fault is there: false
	// recorded effect/unlock/station/CP-1@1
	// 1 UnlockRequested {"by":"ann"} <nil>
	// 2 FaultReported {} <nil>
	// 3 UnlockEnded {"unlocked":true} <nil>
}
