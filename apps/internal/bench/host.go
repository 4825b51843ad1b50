package bench

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/schema"
)

// The counters that the hosts of the benchmark run.

type counted struct {
	Caller int    `json:"caller"`
	Note   string `json:"note"`
}

type counter struct {
	Count int `json:"count"`
	Last  int `json:"last"`
}

const counterNote = "about as much as a small event of a real domain has to say"

func counters() actor.Decider[counter, int, counted] {
	return actor.Decider[counter, int, counted]{
		Kind:    "counter",
		Events:  schema.New[counted](schema.Type[counted]("Counted")),
		Initial: func(string) counter { return counter{} },
		Decide: func(_ counter, caller int) ([]counted, error) {
			return []counted{{Caller: caller, Note: counterNote}}, nil
		},
		Evolve: func(c counter, e counted) counter {
			return counter{Count: c.Count + 1, Last: e.Caller}
		},
		Snapshots: actor.JSONSnapshots[counter](1),
	}
}

// runHost measures what a host makes of commands: of one hot actor, of many, and of
// actors that are not in memory.
func runHost(ctx context.Context, o *Options) ([]Result, error) {
	var results []Result
	err := inStore(ctx, o, func(store aether.EventStore) error {
		for _, part := range []struct{ actors, callers int }{{1, 1024}, {10_000, 128}} {
			o.Progress(fmt.Sprintf("host, %d actors, %d callers", part.actors, part.callers))
			result, err := commands(ctx, o, store, part.actors, part.callers)
			if err != nil {
				return err
			}
			results = append(results, result)
		}
		result, err := loadStates(ctx, o, store)
		results = append(results, result)
		return err
	})
	return results, err
}

// commands has callers send commands to actors, each waiting for its answer.
func commands(ctx context.Context, o *Options, store aether.EventStore, actors, callers int) (Result, error) {
	host := actor.NewHost(store, counters(), nil)
	defer host.Close()
	result := Result{Name: "host", Writers: callers, Actors: actors}
	ids := make([]string, actors)
	for i := range ids {
		ids[i] = fmt.Sprintf("counter/%d-%d", actors, i)
	}
	var err error
	result.PerSecond, result.P50, result.P99, err = load(ctx, callers, o.Duration, func(caller, _ int) error {
		_, err := host.Do(ctx, ids[rand.IntN(actors)], caller, nil)
		return err
	})
	return result, err
}

// loadStates measures what it takes to have the state of an actor that is not in
// memory: one with a snapshot, and 100 newer events.
func loadStates(ctx context.Context, o *Options, store aether.EventStore) (Result, error) {
	const actors, newer = 500, 100
	result := Result{Name: "host load", Actors: actors, Events: newer}
	o.Progress("host, actors with a snapshot and 100 newer events")
	id := func(i int) string { return fmt.Sprintf("counter/long-%d", i) }
	fill := func(events int, options *actor.HostOptions) error {
		host := actor.NewHost(store, counters(), options)
		for range events {
			if err := callTogether(actors, func(i int) error {
				_, err := host.Do(ctx, id(i), i, nil)
				return err
			}); err != nil {
				return err
			}
		}
		return host.Close()
	}
	// The first host makes the snapshot of version 10, the second none.
	if err := fill(10, &actor.HostOptions{SnapshotEvery: 10}); err != nil {
		return result, err
	}
	if err := fill(newer, nil); err != nil {
		return result, err
	}
	host := actor.NewHost(store, counters(), &actor.HostOptions{CacheActors: 1, SnapshotEvery: 10 * newer})
	defer host.Close()
	var err error
	result.PerSecond, result.P50, result.P99, err = load(ctx, 1, o.Duration, func(_, n int) error {
		var seen aether.Version
		err := host.View(ctx, id(n%actors), func(_ counter, version aether.Version) { seen = version })
		if err == nil && seen != 10+newer {
			err = fmt.Errorf("the actor is at version %d", seen)
		}
		return err
	})
	return result, err
}
