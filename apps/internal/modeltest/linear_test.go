package modeltest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/memstore"
	"github.com/aether-es/aether/schema"
	"github.com/anishathalye/porcupine"
)

// An account that clients of two hosts use at the same time must look as if there
// were one client, and no hosts.

type moved struct{ Amount int }

// operation moves an amount, or nothing, which is a read.
type operation struct{ amount int }

type answer struct {
	refused bool
	version aether.Version
}

type balance struct {
	amount  int
	version aether.Version
}

func account() actor.Decider[int, operation, moved] {
	return actor.Decider[int, operation, moved]{
		Kind:    "account",
		Events:  schema.New[moved](schema.Type[moved]("Moved")),
		Initial: func(string) int { return 0 },
		Decide: func(amount int, o operation) ([]moved, error) {
			switch {
			case o.amount == 0:
				return nil, nil
			case amount+o.amount < 0:
				return nil, aether.Refuse("too-little", "there is %d", amount)
			}
			return []moved{{o.amount}}, nil
		},
		Evolve:    func(amount int, e moved) int { return amount + e.Amount },
		Snapshots: actor.JSONSnapshots[int](1),
	}
}

var oneClient = porcupine.Model{
	Init: func() any { return balance{} },
	Step: func(state, input, output any) (bool, any) {
		b, o, a := state.(balance), input.(operation), output.(answer)
		if o.amount != 0 && b.amount+o.amount >= 0 {
			b.amount += o.amount
			b.version++
			return !a.refused && a.version == b.version, b
		}
		if o.amount != 0 {
			return a.refused, b
		}
		return !a.refused && a.version == b.version, b
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v: %+v", input, output) },
}

// flaky is a store that takes its time, and sometimes fails before or after a save.
type flaky struct {
	aether.EventStore
	aether.SnapshotStore
	mu     sync.Mutex
	random *rand.Rand
}

var errNetwork = errors.New("the network failed")

func (s *flaky) chance(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.random.IntN(n) == 0
}

func (s *flaky) pause() {
	s.mu.Lock()
	d := time.Duration(s.random.IntN(1000)) * time.Microsecond
	s.mu.Unlock()
	<-time.After(d)
}

func (s *flaky) SaveEvents(ctx context.Context, events ...aether.Event) (aether.Position, error) {
	s.pause()
	if s.chance(10) {
		return 0, errNetwork
	}
	position, err := s.EventStore.SaveEvents(ctx, events...)
	s.pause()
	if s.chance(10) {
		return 0, errNetwork
	}
	return position, err
}

func TestOneActorIsLinearizable(t *testing.T) {
	for seed := range uint64(200) {
		synctest.Test(t, func(t *testing.T) { linearizable(t, seed) })
	}
}

func linearizable(t *testing.T, seed uint64) {
	engine := memstore.New()
	defer engine.Close()
	inner, err := engine.Namespace(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(seed, 0))
	var hosts []*actor.Host[int, operation, moved]
	for i := range 2 {
		store := &flaky{EventStore: inner, SnapshotStore: inner.(aether.SnapshotStore), random: rand.New(rand.NewPCG(seed, uint64(i+1)))}
		host := actor.NewHost[int, operation, moved](store, account(), &actor.HostOptions{SnapshotEvery: 3, CacheActors: 1 + i})
		defer host.Close()
		hosts = append(hosts, host)
	}

	const clients, each = 6, 10
	history := make([][]porcupine.Operation, clients)
	start := time.Now()
	var wg sync.WaitGroup
	for client := range clients {
		random := rand.New(rand.NewPCG(random.Uint64(), 0))
		wg.Go(func() {
			for n := range each {
				o := operation{random.IntN(11) - 5}
				call := int64(time.Since(start))
				a := ask(t, hosts, random, o, fmt.Sprintf("%d.%d", client, n))
				history[client] = append(history[client], porcupine.Operation{
					ClientId: client, Input: o, Call: call, Output: a, Return: int64(time.Since(start)),
				})
				<-time.After(time.Duration(random.IntN(2000)) * time.Microsecond)
			}
		})
	}
	wg.Wait()
	var all []porcupine.Operation
	for _, operations := range history {
		all = append(all, operations...)
	}
	if !porcupine.CheckOperations(oneClient, all) {
		for _, o := range all {
			t.Logf("%d: %d..%d %s", o.ClientId, o.Call, o.Return, oneClient.DescribeOperation(o.Input, o.Output))
		}
		t.Fatalf("seed %d: no order of the operations explains their answers", seed)
	}
}

// ask sends an operation until its outcome is known, to any host; after the caller
// went away, to the same one, where the first command may still wait.
func ask(t *testing.T, hosts []*actor.Host[int, operation, moved], random *rand.Rand, o operation, id string) answer {
	host := hosts[random.IntN(len(hosts))]
	for {
		// A caller that may come again gives its command an ID, and now and then goes away early.
		ctx, cancel := t.Context(), context.CancelFunc(func() {})
		if random.IntN(5) == 0 {
			ctx, cancel = context.WithTimeout(ctx, time.Duration(random.IntN(1500))*time.Microsecond)
		}
		result, err := host.Do(ctx, "account/ann", o, &actor.DoOptions{CommandID: id})
		cancel()
		switch {
		case err == nil:
			return answer{version: result.Version}
		case errors.Is(err, aether.ErrRefused):
			return answer{refused: true}
		case errors.Is(err, context.DeadlineExceeded):
		case errors.Is(err, errNetwork), errors.Is(err, aether.ErrVersionConflict):
			host = hosts[random.IntN(len(hosts))]
		default:
			t.Errorf("%v", err)
			return answer{}
		}
	}
}
