package chaos

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/natsstore"
	"github.com/aether-es/aether/natsstore/natsserver"
	"github.com/aether-es/aether/pgstore"
	"github.com/aether-es/aether/pgstore/pgtest"
	"github.com/anishathalye/porcupine"
)

// An actor that clients of two processes save to and read, while their connections are
// lost, must look as if each call took effect at one moment between its beginning and
// its end. That holds for a save of which nobody knows the outcome, too, on PostgreSQL:
// nothing lands after it has returned. On NATS it may, as the error says.

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

const callTime = 1500 * time.Millisecond

func TestPostgresIsLinearizable(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	schema := pgtest.Schema(t, dsn)
	if err := pgstore.Migrate(t.Context(), dsn, &pgstore.Options{Schema: schema}); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	linearizable(t, u.Host, false, func(address string) aether.Engine {
		through := *u
		through.Host = address
		engine, err := pgstore.Open(t.Context(), through.String(), &pgstore.Options{Schema: schema, Logger: slog.New(slog.DiscardHandler), Timeout: callTime})
		if err != nil {
			t.Fatal(err)
		}
		return engine
	})
}

func TestNATSIsLinearizable(t *testing.T) {
	t.Parallel()
	server, err := natsserver.Start(t.TempDir(), &natsserver.Options{Listen: "127.0.0.1:0", LazySync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Shutdown)
	n := 0
	linearizable(t, strings.TrimPrefix(server.URL(), "nats://"), true, func(address string) aether.Engine {
		n++
		conn, err := natsstore.Connect(t.Context(), "nats://"+address, &natsstore.ConnOptions{Logger: slog.New(slog.DiscardHandler), Timeout: callTime, NoDiscovery: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		engine, err := natsstore.Open(t.Context(), conn, filepath.Join(t.TempDir(), fmt.Sprint(n)), &natsstore.Options{SyncAlways: true})
		if err != nil {
			t.Fatal(err)
		}
		return engine
	})
}

// linearizable has clients use some actors over two engines, each with a link of its own
// to a server. late says that a save whose outcome is not known may land later.
func linearizable(t *testing.T, server string, late bool, open func(address string) aether.Engine) {
	t.Helper()
	var links []*link
	var stores []aether.EventStore
	for range 2 {
		l := newLink(t, addresses.free(t), server)
		links = append(links, l)
		engine := open(l.addr)
		t.Cleanup(func() { _ = engine.Close() })
		store, err := engine.Namespace(t.Context(), "default")
		if err != nil {
			t.Fatal(err)
		}
		stores = append(stores, store)
	}
	stop := make(chan struct{})
	var faults sync.WaitGroup
	faults.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(rand.N(60 * time.Millisecond)):
			}
			l := links[rand.N(2)]
			if rand.N(25) > 0 {
				l.drop()
				l.up()
				continue
			}
			free := l.hold([]string{toServer, fromServer}[rand.N(2)])
			<-time.After(rand.N(callTime))
			free()
		}
	})
	for i := range 3 {
		useActor(t, stores, fmt.Sprint("room/", i), late)
	}
	close(stop)
	faults.Wait()
}

func useActor(t *testing.T, stores []aether.EventStore, actorID string, late bool) {
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
				end := int64(time.Since(start))
				if o.unknown && late {
					end = math.MaxInt64
				}
				believed = max(believed, o.latest)
				histories[client] = append(histories[client], porcupine.Operation{ClientId: client, Input: c, Call: int64(begin), Output: o, Return: end})
			}
		})
	}
	group.Wait()
	var all []porcupine.Operation
	for i, operations := range histories {
		for j, o := range operations {
			if o.Return == math.MaxInt64 { // its client has gone on as somebody else
				o.ClientId = clients + i*each + j
			}
			all = append(all, o)
		}
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
	ctx := context.Background()
	if c.version == 0 {
		latest, err := store.GetLatestVersion(ctx, actorID)
		if errors.Is(err, aether.ErrUnavailable) {
			return outcome{unknown: true}, nil
		}
		return outcome{latest: latest}, err
	}
	_, err := store.SaveEvents(ctx, aether.Event{ID: aether.NewID(), ActorID: actorID, Version: c.version, Type: "Changed", Data: []byte(`1`)})
	if conflict, ok := errors.AsType[*aether.ConflictError](err); ok {
		return outcome{latest: conflict.Latest}, nil
	}
	if errors.Is(err, aether.ErrUnavailable) {
		return outcome{unknown: true}, nil
	}
	return outcome{landed: true, latest: c.version}, err
}
