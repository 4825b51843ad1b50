package simulate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/aether-es/aether/apps/tickets"
	"github.com/aether-es/aether/apps/tickets/pool"
	"github.com/aether-es/aether/internal/backoff"
)

// habit is what a customer is like.
type habit int

const (
	buys habit = iota
	clicksTwice
	retries   // gives up waiting at once, and sends the same again
	givesBack // claims, and thinks better of it
	abandons  // claims, and is gone
	paysLate  // when the rush is over
	declined  // pays with a card that is declined, and perhaps then with another
	greedy    // wants more than anybody may have
)

// habits are how many of a hundred customers have which.
var habits = [...]int{buys: 50, clicksTwice: 13, retries: 10, givesBack: 5, abandons: 7, paysLate: 6, declined: 5, greedy: 4}

func someHabit(random *rand.Rand) habit {
	n := random.IntN(100)
	for h, share := range habits {
		if n -= share; n < 0 {
			return habit(h)
		}
	}
	return buys
}

// The cards of the provider's test mode.
const (
	goodCard = "pm_card_visa"
	poorCard = "pm_card_chargeDeclined"
)

// customer is one of the rush. It is used by one goroutine at a time.
type customer struct {
	client *Client
	log    *log
	pool   string
	token  string // proves who it is
	id     string // in events, and in the report
	habit  habit
	random *rand.Rand
	settle time.Duration

	seen int64                   // the price
	cart tickets.CommandDocument // what it has claimed; "" when nothing
}

// come is what a customer does in the rush. It returns an error only when ctx ends.
func (c *customer) come(ctx context.Context) error {
	d := c.log.look(ctx, c.client, c.pool)
	c.seen = d.Price
	quantity := 1 + c.random.IntN(pool.MaxTickets)
	if c.habit == greedy {
		quantity = pool.MaxTickets
	}
	if !c.claim(ctx, quantity) {
		return ctx.Err()
	}
	switch c.habit {
	case givesBack:
		c.send(ctx, Request{Step: "give back", Method: http.MethodDelete, Path: "/api/tickets/claims/" + c.cart.ID}, tickets.ClaimReleased)
	case abandons, paysLate:
	case declined:
		c.buy(ctx, poorCard)
	case greedy:
		mine := len(c.cart.Claim.Tickets)
		had := c.cart
		if c.claim(ctx, 1+c.random.IntN(pool.MaxTickets)) && mine+len(c.cart.Claim.Tickets) > pool.MaxTickets {
			c.log.wrong("%s has %d tickets, and was given %d more", c.id, mine, len(c.cart.Claim.Tickets))
		}
		c.cart = had
		c.buy(ctx, goodCard)
	default:
		c.buy(ctx, goodCard)
	}
	return ctx.Err()
}

// comeBack is what a customer does when the rush is over.
func (c *customer) comeBack(ctx context.Context) error {
	switch {
	case c.cart.ID == "":
	case c.habit == paysLate:
		c.buy(ctx, goodCard)
	case c.habit == declined && c.random.IntN(2) == 0 && c.wasDeclined(ctx):
		c.buy(ctx, goodCard)
	}
	return ctx.Err()
}

// wasDeclined waits for what becomes of a payment.
func (c *customer) wasDeclined(ctx context.Context) bool {
	path := fmt.Sprintf("/api/tickets/claims/%s?after=%d", c.cart.ID, c.cart.Position)
	for end := time.Now().Add(c.settle); time.Now().Before(end); {
		var d tickets.ClaimDocument
		answer, err := c.client.Do(ctx, Request{Step: "look", Method: http.MethodGet, Path: path, Customer: c.token}, &d)
		if err != nil || !answer.OK() {
			return false
		}
		if d.State != tickets.ClaimPaying {
			return d.State == tickets.ClaimHeld && d.Declined != ""
		}
		if backoff.Wait(ctx, 200*time.Millisecond) != nil {
			return false
		}
	}
	return false
}

// claim claims tickets: fewer, if there are so many no more, and at the price there is.
func (c *customer) claim(ctx context.Context, quantity int) bool {
	for range 5 {
		d, answer, ok := c.send(ctx, Request{
			Step: "claim", Method: http.MethodPost, Path: "/api/tickets/pools/" + c.pool + "/claims",
			Body: map[string]any{"customer": c.token, "quantity": quantity, "priceSeen": c.seen},
		}, tickets.ClaimHeld)
		if ok {
			c.cart = d
			if d.Claim.Price > c.seen || len(d.Claim.Tickets) != quantity {
				c.log.wrong("%s wanted %d tickets for %d and was given %+v", c.id, quantity, c.seen, d.Claim)
			}
			return true
		}
		var facts struct {
			Price     int64 `json:"price"`
			Available int   `json:"available"`
		}
		if answer.Reason == "" || json.Unmarshal(answer.Facts, &facts) != nil {
			return false
		}
		switch {
		case answer.Reason == pool.PriceChanged && facts.Price > c.seen:
			c.seen = facts.Price
		case answer.Reason == pool.SoldOut && facts.Available > 0 && facts.Available < quantity:
			quantity = facts.Available
		default:
			return false
		}
	}
	return false
}

func (c *customer) buy(ctx context.Context, card string) {
	c.send(ctx, Request{
		Step: "buy", Method: http.MethodPost, Path: "/api/tickets/claims/" + c.cart.ID + "/buy",
		Body: map[string]any{"method": card},
	}, tickets.ClaimSold, tickets.ClaimPaying)
}

// send sends a command as the customer does, with a key of its own, and notes what was
// acknowledged. It returns false when it was refused, or not answered.
func (c *customer) send(ctx context.Context, r Request, expected ...tickets.ClaimState) (tickets.CommandDocument, Answer, bool) {
	r.Key, r.Customer = newKey(), c.token
	c.log.sends(c.id, r.Step)
	type reply struct {
		d      tickets.CommandDocument
		answer Answer
		err    error
	}
	var first, second reply
	var wait sync.WaitGroup
	switch c.habit {
	case clicksTwice:
		wait.Go(func() { second.answer, second.err = c.client.Do(ctx, r, &second.d) })
	case retries:
		hasty, cancel := context.WithTimeout(ctx, time.Duration(c.random.IntN(10_000))*time.Microsecond)
		second.answer, second.err = c.client.Do(hasty, r, &second.d)
		cancel()
	}
	first.answer, first.err = c.client.Do(ctx, r, &first.d)
	wait.Wait()
	for _, got := range []*reply{&first, &second} {
		switch {
		case got.err != nil && !errors.Is(got.err, context.Canceled) && !errors.Is(got.err, context.DeadlineExceeded) && !errors.Is(got.err, errUnanswered):
			c.log.wrong("%s: %v", c.id, got.err)
		case got.err != nil || got.answer.Status == 0:
		case got.answer.OK():
			c.log.acknowledge(c.id, &got.d, expected)
		case !mayRefuse(r.Step, got.answer):
			c.log.wrong("%s: %s %s is answered with %s", c.id, r.Method, r.Path, got.answer.Text())
		}
	}
	if first.answer.OK() && second.answer.OK() && first.d.ID != second.d.ID {
		c.log.wrong("%s sent one command twice, and had two answers: %s and %s", c.id, first.d.ID, second.d.ID)
	}
	if !first.answer.OK() && second.answer.OK() {
		first = second // refused by what was the case at another moment, or lost on the way
	}
	return first.d, first.answer, first.err == nil && first.answer.OK()
}

// mayRefuse says whether customers are to meet an answer: a refusal, for a reason that
// there is a page for. A conflict of versions, say, is none.
func mayRefuse(step string, a Answer) bool {
	if a.Status != http.StatusConflict {
		return false
	}
	switch a.Reason {
	case pool.StoppedSales, pool.IsCancelled, pool.SalesEnded:
		return step != "give back"
	case pool.SoldOut, pool.PriceChanged, pool.LimitExceeded, pool.NotAdmitted:
		return step == "claim"
	case pool.ClaimExpired:
		return step != "claim"
	}
	return false
}
