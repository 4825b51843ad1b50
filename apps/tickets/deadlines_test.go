package tickets

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/aethertest"
	"github.com/aether-es/aether/apps/internal/node"
	"github.com/aether-es/aether/apps/tickets/pool"
	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/memstore"
)

// direct has a node decide commands that another one sends.
type direct struct {
	to     *Tickets
	refuse chan struct{} // has an item for each refusal
}

func (d direct) Send(ctx context.Context, r integration.Request) (integration.Reply, error) {
	reply, err := d.to.answer(ctx, r)
	if errors.Is(err, aether.ErrRefused) {
		d.refuse <- struct{}{}
	}
	return reply, err
}

func (d direct) Serve(ctx context.Context, _, _ string, _ integration.Answer) error {
	<-ctx.Done()
	return ctx.Err()
}

// What is due by the clock of one node, and not yet by that of the node which has the
// pool, is done when it is due there too.
func TestDeadlinesOfTwoClocks(t *testing.T) {
	engine := memstore.New()
	t.Cleanup(func() { _ = engine.Close() })
	store, err := engine.Namespace(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	system := func(clock aether.Clock, commands integration.Commands) *Tickets {
		parts := node.Alone(store, "test", nil, slog.New(slog.DiscardHandler))
		parts.Roles = node.Roles{node.Command}
		if commands != nil {
			parts.Commands = commands
		}
		s, err := New(parts, Config{Clock: clock})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	slow, fast := aethertest.NewClock(evening), aethertest.NewClock(evening)
	decides := system(slow, nil)
	sent := direct{decides, make(chan struct{}, 1000)}
	fires := system(fast, sent)

	create := pool.Create{Name: "Jazz", Capacity: 4, Currency: "EUR", Payment: pool.Free, EventDate: evening.AddDate(0, 0, 1), At: evening}
	for id, room := range map[string]*pool.Room{"jazz": nil, "rock": {OpensAt: evening.Add(time.Minute), PerMinute: 10}} {
		create.Name, create.Room = id, room
		if _, err := decides.create(t.Context(), id, create, &actor.DoOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	do := func(id string, c pool.Command) {
		t.Helper()
		if _, err := decides.do(t.Context(), id, c, &actor.DoOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	do("jazz", pool.ClaimTickets{Customer: "ann", Quantity: 1, At: evening})
	do("rock", pool.JoinRoom{Customer: "ann", At: evening})

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = fires.deadlines.Run(ctx)
	}()
	fast.Advance(pool.Hold)
	for range 2 {
		<-sent.refuse
	}
	slow.Advance(pool.Hold)
	late := time.After(20 * time.Second)
	for held, admitted := 1, 0; held > 0 || admitted == 0; {
		look := func(id string, at func(p *pool.Pool)) {
			if err := decides.host.View(t.Context(), poolActor(id), func(p *pool.Pool, _ aether.Version) { at(p) }); err != nil {
				t.Fatal(err)
			}
		}
		look("jazz", func(p *pool.Pool) { held = p.Held })
		look("rock", func(p *pool.Pool) { admitted = p.Room.Admitted })
		fast.Advance(time.Second)
		select {
		case <-late:
			t.Fatalf("%d are held and %d are admitted long after both were due", held, admitted)
		case <-time.After(time.Millisecond):
		}
	}
	stop()
	<-ended
}
