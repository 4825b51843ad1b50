package simulate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/tickets"
)

// rush sends all customers, so many at a time, and then those again who come back.
func rush(ctx context.Context, client *Client, o *Options, log *log) error {
	run := newKey() // others may have been here before
	customers := make([]*customer, o.Customers)
	for i := range customers {
		random := rand.New(rand.NewPCG(o.Seed, uint64(i)+2))
		token := fmt.Sprintf("%s-%d", run, i+1)
		customers[i] = &customer{
			client: client, log: log, pool: o.Pool, token: token, id: tickets.CustomerID(token), random: random, habit: someHabit(random), settle: o.Settle,
		}
	}
	var done atomic.Int64
	for _, does := range []func(*customer, context.Context) error{(*customer).come, (*customer).comeBack} {
		next := make(chan *customer)
		var all sync.WaitGroup
		for range min(o.Concurrent, len(customers)) {
			all.Go(func() {
				for c := range next {
					_ = does(c, ctx) // it is that of ctx
					o.Progress(int(min(done.Add(1), int64(o.Customers))))
				}
			})
		}
		for _, c := range customers {
			if ctx.Err() != nil {
				break
			}
			next <- c
		}
		close(next)
		all.Wait()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// acknowledged is what a customer was told that has happened.
type acknowledged struct {
	customer string
	claim    string
	state    tickets.ClaimState
	tickets  []int
	version  aether.Version
}

// counts are the tickets of a pool at a version, as somebody was told.
type counts struct{ held, sold, available, capacity int }

// log is what the customers have seen. It is safe for concurrent use.
type log struct {
	mu       sync.Mutex
	acks     []acknowledged
	repeated int
	claims   map[string]int // how many commands to claim something each has sent
	looks    map[aether.Version]counts
	problems []string
}

func newLog() *log { return &log{claims: map[string]int{}, looks: map[aether.Version]counts{}} }

// wrong notes what must not be.
func (l *log) wrong(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.problems = append(l.problems, fmt.Sprintf(format, args...))
}

// sends notes that a customer sends a command, with a key that is new.
func (l *log) sends(customer, step string) {
	if step == "claim" {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.claims[customer]++
	}
}

// acknowledge notes what a customer is told of a claim.
func (l *log) acknowledge(customer string, d *tickets.CommandDocument, expected []tickets.ClaimState) {
	if d.Claim == nil || !slices.Contains(expected, d.Claim.State) {
		l.wrong("%s is told %+v, claim %+v, and not one of %v", customer, *d, d.Claim, expected)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if d.Repeated {
		l.repeated++
	}
	l.acks = append(l.acks, acknowledged{customer, d.ID, d.Claim.State, d.Claim.Tickets, d.Version})
}

// look looks at a pool, and notes what it is told.
func (l *log) look(ctx context.Context, client *Client, id string) tickets.PoolDocument {
	d, err := getPool(ctx, client, id, 0)
	if err != nil {
		return d
	}
	seen := counts{d.Held, d.Sold, d.Available, d.Capacity}
	l.mu.Lock()
	before, known := l.looks[d.Version]
	l.looks[d.Version] = seen
	l.mu.Unlock()
	if known && before != seen {
		l.wrong("at version %d the API counts %+v, and %+v later", d.Version, before, seen)
	}
	return d
}

// getPool returns a pool, as it is at a position or later.
func getPool(ctx context.Context, client *Client, id string, after aether.Position) (tickets.PoolDocument, error) {
	var d tickets.PoolDocument
	path := fmt.Sprintf("/api/tickets/pools/%s?after=%d", id, after)
	answer, err := client.Do(ctx, Request{Step: "look", Method: http.MethodGet, Path: path}, &d)
	if err == nil && !answer.OK() {
		err = fmt.Errorf("pool %s: the server answers %s", id, answer.Text())
	}
	return d, err
}
