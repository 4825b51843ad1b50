// Package simulate sends a rush of customers to a server that sells tickets, over HTTP
// as anybody could, and audits afterwards what has become of tickets and money. It knows
// the server by its API and its integration events alone.
//
//	client.go    requests, which are made again with the same key until there is an answer
//	customer.go  what customers do: buy, click twice, abandon, pay late, are declined …
//	rush.go      many of them at once
//	books.go     what the events say, by rules of their own
//	money.go     payments, in the events and in the ledger of the provider
//	audit.go     events, answers, queries and ledger against each other
//	report.go    what is told in the end
package simulate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/aether-es/aether/apps/tickets"
)

// Options of [Run]. All but URL may be missing.
type Options struct {
	// URL is that of the server, Token what its requests need.
	URL, Token string

	// Ledger is the URL of the aether paysim that takes the money, which is audited
	// against it. Without one the money is audited by the events alone.
	Ledger string

	// Pool is the ID of the pool that is rushed. Without one a pool is made, of the
	// Capacity, 1000 by default.
	Pool     string
	Capacity int

	// Customers are those who come, Concurrent, 200 by default, of them at a time. With
	// none there is just the audit, of a Pool that is there.
	Customers, Concurrent int

	// Seed decides what they do, as far as the server answers the same.
	Seed uint64

	// Patience is how long a request is made again that is not answered, 30 seconds by
	// default.
	Patience time.Duration

	// Settle is how long payments under way are waited for in the end, a minute by
	// default.
	Settle time.Duration

	// Progress is told how many customers were there; from several goroutines.
	Progress func(done int)
}

func (o *Options) setDefaults() {
	if o.Capacity == 0 {
		o.Capacity = 1000
	}
	if o.Concurrent <= 0 {
		o.Concurrent = 200
	}
	if o.Patience <= 0 {
		o.Patience = 30 * time.Second
	}
	if o.Settle <= 0 {
		o.Settle = time.Minute
	}
	if o.Progress == nil {
		o.Progress = func(int) {}
	}
}

// Run sends the customers, and audits. What the audit finds is in the report; the error
// says why there is none.
func Run(ctx context.Context, options Options) (*Report, error) {
	options.setDefaults()
	o := &options
	client := NewClient(o.URL, o.Token, 2*o.Concurrent, o.Patience) // some click twice
	defer client.Close()
	if o.Pool == "" {
		id, err := makePool(ctx, client, o)
		if err != nil {
			return nil, err
		}
		o.Pool = id
	} else if _, err := getPool(ctx, client, o.Pool, 0); err != nil {
		return nil, err
	}
	report := &Report{Pool: o.Pool, Customers: o.Customers, Steps: []Step{}, Refusals: map[string]int{}, Unanswered: map[string]int{}}
	log := newLog()
	if o.Customers > 0 {
		began := time.Now()
		if err := rush(ctx, client, o, log); err != nil {
			return nil, err
		}
		report.Seconds = time.Since(began).Seconds()
		report.measured(client)
	}
	provider := NewClient(o.Ledger, "", 1, o.Patience)
	defer provider.Close()
	a := &auditor{client: client, provider: provider, options: o, log: log, books: newBooks(o.Pool)}
	if err := a.run(ctx); err != nil {
		return nil, fmt.Errorf("the audit: %w", err)
	}
	a.tell(report)
	return report, nil
}

// makePool makes a pool whose price rises as it sells, so that some meet another price
// than they have seen.
func makePool(ctx context.Context, client *Client, o *Options) (string, error) {
	random := rand.New(rand.NewPCG(o.Seed, 1))
	var d tickets.CommandDocument
	answer, err := client.Do(ctx, Request{
		Step: "create", Method: http.MethodPost, Path: "/api/tickets/pools", Key: newKey(),
		Body: map[string]any{
			"name": "Rush " + newKey(), "capacity": o.Capacity, "price": map[string]any{"amount": 3000 + 100*random.IntN(50), "currency": "EUR"},
			"pricing":   map[string]any{"rise": 100 * random.IntN(30), "round": 100},
			"eventDate": time.Now().UTC().AddDate(0, 1, 0).Truncate(time.Second),
		},
	}, &d)
	if err == nil && !answer.OK() {
		err = fmt.Errorf("the server does not make the pool: %s", answer.Text())
	}
	if err == nil { // customers come when it can be seen
		_, err = getPool(ctx, client, d.ID, d.Position)
	}
	return d.ID, err
}
