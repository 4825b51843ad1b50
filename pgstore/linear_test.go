package pgstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/pgstore/pgtest"
	"github.com/anishathalye/porcupine"
)

// An actor that clients of two processes save to and read, while their connections are
// lost, must look as if each call took effect at one moment between its beginning and
// its end. That holds for a save of which nobody knows the outcome, too: nothing lands
// after it has returned.

// call saves a version, or reads the latest when it is 0.
type call struct{ version aether.Version }

type outcome struct {
	unknown bool
	latest  aether.Version // after a save that landed, at a conflict, or read
	landed  bool
}

var oneActor = porcupine.NondeterministicModel{
	Init: func() []any { return []any{aether.Version(0)} },
	Step: func(state, input, output any) []any {
		latest, c, o := state.(aether.Version), input.(call), output.(outcome)
		switch {
		case c.version == 0 && o.latest == latest:
			return []any{latest}
		case c.version == 0:
			return nil
		case o.unknown && c.version == latest+1:
			return []any{latest, c.version}
		case o.unknown:
			return []any{latest}
		case o.landed && c.version == latest+1:
			return []any{c.version}
		case !o.landed && c.version != latest+1 && o.latest == latest:
			return []any{latest}
		}
		return nil
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v: %+v", input, output) },
}

func TestActorIsLinearizable(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	schema := pgtest.Schema(t, dsn)
	migrateSchema(t, dsn, schema)
	var stores []aether.EventStore
	var proxies []*proxy
	for range 2 {
		p := newProxy(t, dsn)
		proxies = append(proxies, p)
		stores = append(stores, openNamespace(t, p.dsn, &Options{Schema: schema, Logger: quiet, Timeout: 1500 * time.Millisecond, hints: 20}))
	}
	stop := make(chan struct{})
	var chaos sync.WaitGroup
	chaos.Go(func() {
		for {
			p := proxies[rand.N(2)]
			select {
			case <-stop:
				return
			case <-time.After(rand.N(60 * time.Millisecond)):
			}
			if rand.N(25) > 0 {
				p.cut()
				continue
			}
			p.spoil([]string{toClient, toServer}[rand.N(2)], "timeout", map[string]int{"timeout": 0})
			<-time.After(rand.N(1600 * time.Millisecond))
			p.heal()
		}
	})
	const actors = 3
	for i := range actors {
		linearizable(t, stores, fmt.Sprint("room/", i))
	}
	close(stop)
	chaos.Wait()
}

func linearizable(t *testing.T, stores []aether.EventStore, actorID string) {
	t.Helper()
	const clients, each = 5, 12
	histories := make([][]porcupine.Operation, clients)
	start := time.Now()
	var group sync.WaitGroup
	for client := range clients {
		group.Go(func() {
			believed := aether.Version(0)
			for range each {
				c := call{version: believed + 1}
				if rand.N(3) == 0 {
					c.version = 0
				} else if rand.N(8) == 0 {
					c.version += aether.Version(rand.N(3))
				}
				begin := time.Since(start)
				o, err := carryOut(stores[rand.N(len(stores))], actorID, c)
				if err != nil {
					t.Error(err)
					return
				}
				if c.version == 0 && o.unknown {
					continue // a read that failed says nothing
				}
				believed = max(believed, o.latest)
				histories[client] = append(histories[client], porcupine.Operation{
					ClientId: client, Input: c, Call: int64(begin), Output: o, Return: int64(time.Since(start)),
				})
			}
		})
	}
	group.Wait()
	var all []porcupine.Operation
	for _, operations := range histories {
		all = append(all, operations...)
	}
	if !porcupine.CheckOperations(oneActor.ToModel(), all) {
		for _, o := range all {
			t.Logf("%d: %v..%v %s", o.ClientId, time.Duration(o.Call), time.Duration(o.Return), oneActor.DescribeOperation(o.Input, o.Output))
		}
		t.Fatalf("%s: no order of the calls explains their answers", actorID)
	}
}

// carryOut makes a call.
func carryOut(store aether.EventStore, actorID string, c call) (outcome, error) {
	if c.version == 0 {
		latest, err := store.GetLatestVersion(context.Background(), actorID)
		if errors.Is(err, ErrUnavailable) {
			return outcome{unknown: true}, nil
		}
		return outcome{latest: latest}, err
	}
	_, err := store.SaveEvents(context.Background(), testEvent(actorID, c.version))
	if conflict, ok := errors.AsType[*aether.ConflictError](err); ok {
		return outcome{latest: conflict.Latest}, nil
	}
	if errors.Is(err, ErrUnavailable) {
		return outcome{unknown: true}, nil
	}
	return outcome{landed: true, latest: c.version}, err
}
