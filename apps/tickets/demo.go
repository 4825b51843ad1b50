package tickets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/tickets/pool"
	"github.com/aether-es/aether/integration"
)

// Demo makes some pools, and sends customers who buy, change their minds, or forget their
// carts, by commands over the bus.
type Demo struct {
	commands  integration.Commands
	namespace string
	run       string // tells the customers of one run from those of another
}

// NewDemo returns a demo that sends its commands over a bus, for the pools of a
// namespace.
func NewDemo(commands integration.Commands, namespace string) *Demo {
	return &Demo{commands, namespace, aether.NewID()}
}

// demoPool is a pool of the demo, and how long it takes until the next customer comes.
type demoPool struct {
	id     string
	create pool.Create
	each   time.Duration
}

func demoPools(now time.Time) []demoPool {
	day := now.UTC().Truncate(24 * time.Hour)
	return []demoPool{
		{"harbour-lights", pool.Create{
			Name: "Harbour Lights, open air", Capacity: 400, Currency: "EUR", Payment: pool.Online, EventDate: day.AddDate(0, 0, 40).Add(19 * time.Hour),
			Rule: pool.Rule{Base: 4500, Rise: 2500, Steps: []pool.Step{{Percent: 50, Change: 500}}, Drop: 1000, Before: 72, Floor: 3500, Round: 50},
		}, 2 * time.Second},
		{"village-choir", pool.Create{
			Name: "Village Choir, spring concert", Capacity: 80, Currency: "EUR", Payment: pool.Free, EventDate: day.AddDate(0, 0, 12).Add(18 * time.Hour),
		}, 5 * time.Second},
		{"night-shift", pool.Create{
			Name: "Night Shift, the small hall", Capacity: 24, Currency: "EUR", Payment: pool.Door, EventDate: day.AddDate(0, 0, 5).Add(22 * time.Hour),
			Rule: pool.Rule{Base: 1800},
		}, 3 * time.Second},
	}
}

// Run sends customers until ctx ends, or all is sold. What is there already, from an
// earlier run, it goes on with.
func (d *Demo) Run(ctx context.Context) error {
	all := demoPools(time.Now())
	ended := make(chan error, len(all))
	for _, p := range all {
		_, err := d.send(ctx, p.id, CreatePool, p.create)
		if refusal, ok := errors.AsType[*aether.Refusal](err); err != nil && !ok {
			return err
		} else if ok && refusal.Reason != pool.NameTaken && refusal.Reason != pool.PoolExists {
			return err
		}
		go func() { ended <- d.sell(ctx, p) }()
	}
	var err error
	for range all {
		err = errors.Join(err, <-ended)
	}
	<-ctx.Done() // all is sold
	return errors.Join(err, ctx.Err())
}

// sell sends one customer after the other to a pool.
func (d *Demo) sell(ctx context.Context, p demoPool) error {
	for n := 1; ; n++ {
		pause := time.NewTimer(p.each/2 + rand.N(p.each))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return ctx.Err()
		}
		err := d.customer(ctx, p, fmt.Sprintf("demo-%s-%d", d.run, n))
		refusal, refused := errors.AsType[*aether.Refusal](err)
		switch {
		case refused && (refusal.Reason == pool.SoldOut || refusal.Reason == pool.IsCancelled || refusal.Reason == pool.SalesEnded):
			return nil
		case err != nil && !refused:
			return err
		}
	}
}

// customer claims some tickets, and mostly buys them.
func (d *Demo) customer(ctx context.Context, p demoPool, name string) error {
	claim := pool.ClaimTickets{Customer: name, Quantity: 1 + rand.IntN(pool.MaxTickets), PriceSeen: pool.MaxAmount} // whatever it costs
	held, err := d.send(ctx, p.id, ClaimTickets, claim)
	if err != nil || held.Claim == nil {
		return err
	}
	var number int
	if _, err := fmt.Sscanf(held.ID, p.id+"-%d", &number); err != nil {
		return fmt.Errorf("the claim is called %q: %w", held.ID, err)
	}
	switch chance := rand.IntN(10); {
	case chance == 0: // forgets it
		return nil
	case chance == 1:
		_, err = d.send(ctx, p.id, GiveBack, pool.GiveBack{Claim: number, Customer: name})
	default:
		_, err = d.send(ctx, p.id, BuyTickets, pool.Buy{Claim: number, Customer: name, Method: "pm_card_visa"})
	}
	return err
}

func (d *Demo) send(ctx context.Context, id, kind string, command any) (CommandDocument, error) {
	var answer CommandDocument
	data, err := json.Marshal(command)
	if err != nil {
		return answer, err
	}
	reply, err := d.commands.Send(ctx, integration.Request{
		Namespace: d.namespace, Kind: pool.Kind, Subject: poolActor(id), ID: aether.NewID(), Type: kind, Data: data,
	})
	if err != nil {
		return answer, err
	}
	return answer, json.Unmarshal(reply.Data, &answer)
}
