package pool_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/tickets/pool"
)

// A waiting room gives a customer one place, and so many in all: those who come without a
// name, as often as they like, cannot make it grow for ever.
func TestPlaces(t *testing.T) {
	p := pool.Initial("pool/x")
	do := func(c pool.Command) ([]pool.Event, error) {
		events, err := pool.Decide(p, c)
		for _, e := range events {
			p = pool.Evolve(p, e)
		}
		return events, err
	}
	if _, err := do(pool.Create{
		Name: "Jazz", Capacity: 10, Currency: "EUR", Payment: pool.Free, EventDate: now.AddDate(0, 1, 0), At: now,
		Secret: []byte("secret"), Room: &pool.Room{OpensAt: now, PerMinute: 1_000_000},
	}); err != nil {
		t.Fatal(err)
	}
	at := now
	for n := 1; n <= pool.MaxPlaces; n++ {
		join := pool.JoinRoom{Customer: fmt.Sprint("c", n), At: at}
		events, err := do(join)
		if err != nil || len(events) != 1 || events[0].(pool.RoomJoined).Place != n {
			t.Fatalf("place %d: %+v, %v", n, events, err)
		}
		if n%50_000 > 0 {
			continue
		}
		if again, err := do(join); err != nil || len(again) > 0 {
			t.Fatalf("a second place for %s: %+v, %v", join.Customer, again, err)
		}
		if n == pool.MaxWaiting {
			if _, err := do(pool.JoinRoom{Customer: "zoe", At: at}); refusal(err) != pool.ListFull {
				t.Errorf("with so many in it at a time: %v", err)
			}
		}
		for p.Room.Last > p.Room.Admitted && n >= pool.MaxWaiting {
			at = at.Add(time.Minute)
			if _, err := do(pool.Admit{At: at}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := do(pool.JoinRoom{Customer: "zoe", At: at}); refusal(err) != pool.RoomFull {
		t.Errorf("with so many in all: %v", err)
	}
	if _, err := do(pool.JoinRoom{Customer: "c7", At: at}); err != nil {
		t.Errorf("who has a place is refused: %v", err)
	}
}
