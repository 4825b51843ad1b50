package simulate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/tickets"
	"github.com/aether-es/aether/apps/tickets/paysim"
	"github.com/aether-es/aether/apps/tickets/pool"
	"github.com/aether-es/aether/internal/backoff"
	"github.com/aether-es/aether/schema"
)

// auditor holds what it is told against each other.
type auditor struct {
	client   *Client
	provider *Client // its ledger
	options  *Options
	log      *log
	books    *books

	next     string // where the events go on
	sequence uint64 // of the last one
	events   int

	money    *paysim.Sums // of the pool in the ledger; nil without one
	open     []string     // what is under way after all the time there was
	problems []string
}

func (a *auditor) wrong(format string, args ...any) {
	a.problems = append(a.problems, fmt.Sprintf(format, args...))
}

// run reads everything, waits for what is under way, and compares.
func (a *auditor) run(ctx context.Context) error {
	var apart []string // what does not agree yet: it may, when all is done
	for end := time.Now().Add(a.options.Settle); ; {
		if err := a.read(ctx); err != nil {
			return err
		}
		if !a.books.created {
			return fmt.Errorf("there are no events of pool %s", a.options.Pool)
		}
		a.open = a.books.waiting()
		var err error
		if apart, err = a.ledger(ctx); err != nil {
			return err
		}
		if len(a.open)+len(apart) == 0 || time.Now().After(end) {
			break
		}
		if err := backoff.Wait(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	for _, what := range a.open {
		a.wrong("after %v %s", a.options.Settle, what)
	}
	a.problems = append(a.problems, apart...)
	if err := a.compare(ctx); err != nil {
		return err
	}
	for version, seen := range a.log.looks {
		if at := int(version); at > len(a.books.history) || at < 1 || a.books.history[at-1] != seen {
			a.wrong("at version %d the API counted %+v, which the events do not", version, seen)
		} else if seen.held+seen.sold+seen.available != seen.capacity {
			a.wrong("at version %d the API counted %+v, which is not the capacity", version, seen)
		}
	}
	for _, ack := range a.log.acks {
		if problem := a.books.check(ack); problem != "" {
			a.problems = append(a.problems, problem)
		}
	}
	for customer, sent := range a.log.claims {
		if made := a.books.carts[customer]; made > sent {
			a.wrong("%s sent %d commands to claim tickets, and made %d claims", customer, sent, made)
		}
	}
	a.problems = slices.Concat(a.log.problems, a.books.problems, a.problems)
	return nil
}

// message is an integration event of tickets, a CloudEvent.
type message struct {
	Type     string         `json:"type"`
	Subject  string         `json:"subject"`
	Sequence string         `json:"sequence"`
	Position string         `json:"position"`
	Data     tickets.Moment `json:"data"`
}

// read enters the events that came since.
func (a *auditor) read(ctx context.Context) error {
	pools, payments := pool.Events(), tickets.PaymentEvents()
	for {
		var page struct {
			Events []message `json:"events"`
			Next   string    `json:"next"`
		}
		path := "/api/integration/" + tickets.Name + "?limit=1000&after=" + url.QueryEscape(a.next)
		answer, err := a.client.Do(ctx, Request{Step: "events", Method: http.MethodGet, Path: path}, &page)
		if err == nil && !answer.OK() {
			err = fmt.Errorf("GET %s: %s", path, answer.Text())
		}
		if err != nil {
			return err
		}
		for i := range page.Events {
			if err := a.enter(&page.Events[i], pools, payments); err != nil {
				return fmt.Errorf("event %s of %s: %w", page.Events[i].Sequence, page.Events[i].Subject, err)
			}
		}
		a.next = page.Next
		if len(page.Events) == 0 {
			return nil
		}
	}
}

func (a *auditor) enter(m *message, pools *schema.Registry[pool.Event], payments *schema.Registry[tickets.PaymentEvent]) error {
	sequence, err := strconv.ParseUint(m.Sequence, 10, 64)
	if err != nil {
		return err
	}
	if sequence != a.sequence+1 {
		a.wrong("the integration event after number %d has number %d", a.sequence, sequence)
	}
	a.sequence = sequence
	name := m.Type[strings.LastIndexByte(m.Type, '.')+1:]
	kind, id, _ := strings.Cut(m.Subject, "/")
	switch {
	case kind == pool.Kind && id == a.books.id:
		event, err := decode(pools, m, name)
		if err != nil {
			return err
		}
		position, err := strconv.ParseUint(m.Position, 10, 64)
		a.books.position = aether.Position(position)
		a.books.apply(m.Data.Version, event)
		a.events++
		return err
	case kind == tickets.PaymentKind:
		event, err := decode(payments, m, name)
		if err == nil && mine(a.books.id, event) {
			a.books.moved(id, event)
			a.events++
		}
		return err
	}
	return nil
}

func decode[E any](events *schema.Registry[E], m *message, name string) (E, error) {
	return events.Decode(aether.Event{ActorID: m.Subject, Version: m.Data.Version, Type: name, Schema: events.Schema(name), Data: m.Data.Event})
}

// ledger holds the ledger of the provider against the books, if there is one.
func (a *auditor) ledger(ctx context.Context) (apart []string, err error) {
	if a.options.Ledger == "" {
		return nil, nil
	}
	var l paysim.Ledger
	answer, err := a.provider.Do(ctx, Request{Step: "ledger", Method: http.MethodGet, Path: "/sim/ledger"}, &l)
	if err == nil && !answer.OK() {
		err = errors.New(answer.Text())
	}
	if err != nil {
		return nil, fmt.Errorf("the ledger at %s: %w", a.options.Ledger, err)
	}
	sums, apart := a.books.agree(&l)
	a.money = &sums
	return apart, nil
}

// compare holds what the API says of the pool against the books. Something may happen
// meanwhile, so both are read until they are of one moment.
func (a *auditor) compare(ctx context.Context) error {
	for range 20 {
		d, err := getPool(ctx, a.client, a.books.id, a.books.position)
		if err != nil {
			return err
		}
		sold, err := a.orders(ctx)
		if err != nil {
			return err
		}
		var sales tickets.SalesDocument
		answer, err := a.client.Do(ctx, Request{Step: "look", Method: http.MethodGet, Path: "/api/tickets/pools/" + a.books.id + "/sales"}, &sales)
		if err == nil && !answer.OK() {
			err = fmt.Errorf("the sales of pool %s: %s", a.books.id, answer.Text())
		}
		if err == nil {
			err = a.read(ctx)
		}
		if err != nil {
			return err
		}
		if d.Version != a.books.version {
			continue
		}
		b := a.books
		if d.Held != b.held || d.Sold != b.sold || d.Available != b.capacity-b.held-b.sold || d.Capacity != b.capacity || d.Status != b.status {
			a.wrong("the API says of the pool %+v, and by the events %d are held and %d sold of %d, and it is %s", d, b.held, b.sold, b.capacity, b.status)
		}
		own := map[int]int{}
		for number, c := range b.claims {
			if c.isSold() {
				for _, ticket := range c.tickets {
					own[ticket] = number
				}
			}
		}
		if !maps.Equal(own, sold) {
			a.wrong("by the orders %d tickets are sold: %v, and by the events %d: %v", len(sold), sold, len(own), own)
		}
		if online, other := b.soldFor(); sales.Totals.Revenue-sales.Totals.Returned != online+other {
			a.wrong("the sales say %+v, and the tickets that are sold cost %d", sales.Totals, online+other)
		}
		return nil
	}
	return fmt.Errorf("pool %s does not come to rest", a.books.id)
}

// orders returns the tickets that are sold, and the claims that have them, by the API.
func (a *auditor) orders(ctx context.Context) (map[int]int, error) {
	sold := map[int]int{}
	for cursor := ""; ; {
		var page tickets.OrderPage
		path := fmt.Sprintf("/api/tickets/pools/%s/orders?limit=500&cursor=%s", a.books.id, url.QueryEscape(cursor))
		answer, err := a.client.Do(ctx, Request{Step: "look", Method: http.MethodGet, Path: path}, &page)
		if err == nil && !answer.OK() {
			err = fmt.Errorf("the orders of pool %s: %s", a.books.id, answer.Text())
		}
		if err != nil {
			return nil, err
		}
		for _, order := range page.Orders {
			if order.State != tickets.ClaimSold {
				continue
			}
			for _, ticket := range order.Tickets {
				if other, taken := sold[ticket.Number]; taken {
					a.wrong("by the orders ticket %d is sold to claim %d and to %s", ticket.Number, other, order.ID)
				}
				sold[ticket.Number] = a.books.number(order.ID)
			}
		}
		if cursor = page.Next; cursor == "" {
			return sold, nil
		}
	}
}
