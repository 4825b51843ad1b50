package simulate

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/tickets"
	"github.com/aether-es/aether/apps/tickets/paysim"
	"github.com/aether-es/aether/apps/tickets/pool"
)

func claimed(claim int, customer string, numbers ...int) []pool.Event {
	var all []pool.Event
	for _, n := range numbers {
		all = append(all, pool.TicketClaimed{Ticket: n, Claim: claim, Customer: customer, Price: 500})
	}
	return all
}

func sales(claim int, customer string, numbers ...int) []pool.Event {
	var all []pool.Event
	for _, n := range numbers {
		all = append(all, pool.TicketBought{Ticket: n, Claim: claim, Customer: customer, Price: 500})
	}
	return all
}

// kept returns the books of a pool with ten tickets after events.
func kept(parts ...any) *books {
	b := newBooks("jazz")
	apply := func(e pool.Event) { b.apply(b.version+1, e) }
	apply(pool.PoolCreated{Capacity: 10})
	for _, part := range parts {
		if list, ok := part.([]pool.Event); ok {
			for _, e := range list {
				apply(e)
			}
			continue
		}
		apply(part.(pool.Event))
	}
	return b
}

// paidFor are the events of a claim with one ticket that is paid for.
func paidFor() []pool.Event {
	return append(append(claimed(1, "ann", 1),
		pool.PaymentStarted{Claim: 1, Attempt: 1, Amount: 500}, pool.PaymentAuthorised{Claim: 1, Attempt: 1, Payment: "pi_1", Amount: 500}),
		sales(1, "ann", 1)...)
}

// A history that is right has no objection, and the books say what is so.
func TestBooks(t *testing.T) {
	b := kept(
		paidFor(), claimed(2, "bob", 2, 3), claimed(3, "cy", 4), claimed(4, "dee", 5),
		pool.ClaimReleased{Claim: 2, Customer: "bob", Tickets: []int{2, 3}}, claimed(5, "eve", 3, 2, 6, 7),
		pool.PaymentStarted{Claim: 3, Attempt: 1, Amount: 500}, pool.SalesStopped{},
		pool.PaymentVoided{Claim: 3, Attempt: 1, Payment: "pi_2", Amount: 500, Until: time.Unix(1, 0)}, pool.SalesResumed{},
		pool.PaymentStarted{Claim: 4, Attempt: 1, Amount: 500}, pool.PoolCancelled{},
	)
	if b.held != 1 || b.sold != 1 {
		t.Errorf("%d are held and %d sold", b.held, b.sold)
	}
	if open := fmt.Sprint(b.waiting()); !strings.Contains(open, "claim 4 is being paid for") || !strings.Contains(open, "claim 1 is to be refunded") ||
		!strings.Contains(open, "pi_1 of claim 1 waits for its capture") || !strings.Contains(open, "pi_2 of claim 3 waits for its cancel") {
		t.Errorf("waiting are %s", open)
	}
	order := tickets.Order{Pool: "jazz", Claim: 1, Amount: 500}
	b.moved("pi_1", tickets.PaymentCaptured{Order: order})
	b.moved("pi_2", tickets.PaymentFailed{Order: tickets.Order{Pool: "jazz", Claim: 3, Amount: 500}, Action: tickets.Cancel, Reason: "no"})
	b.moved("pi_2", tickets.PaymentSettled{Order: tickets.Order{Pool: "jazz", Claim: 3, Amount: 500}, Action: tickets.Cancel})
	b.apply(b.version+1, pool.PaymentDeclined{Claim: 4, Attempt: 1})
	b.apply(b.version+1, pool.OrderRefunded{Claim: 1, Customer: "ann", Tickets: []int{1}, Payment: "pi_1", Amount: 500})
	b.moved("pi_1", tickets.PaymentRefunded{Order: order})
	if open := b.waiting(); len(open)+len(b.problems)+b.held+b.sold > 0 {
		t.Errorf("waiting are %v, objections %v, %d are held and %d sold", open, b.problems, b.held, b.sold)
	}
}

// What is refunded before it was captured is let go, which is told once or twice.
func TestLetGo(t *testing.T) {
	b := kept(paidFor(), pool.OrderRefunded{Claim: 1, Customer: "ann", Tickets: []int{1}, Payment: "pi_1", Amount: 500})
	for range 2 {
		b.moved("pi_1", tickets.PaymentCancelled{Order: tickets.Order{Pool: "jazz", Claim: 1, Amount: 500}})
	}
	gone := paysim.LedgerPayment{ID: "pi_1", Reference: "jazz-1 attempt 1", Amount: 500, Sums: paysim.Sums{Authorised: 500, Released: 500}}
	_, problems := b.agree(&paysim.Ledger{Payments: []paysim.LedgerPayment{gone}})
	if open := b.waiting(); len(open)+len(b.problems)+len(problems) > 0 {
		t.Errorf("waiting are %v, objections %v and %v", open, b.problems, problems)
	}
}

// What must not happen has an objection.
func TestObjections(t *testing.T) {
	for _, test := range []struct {
		what   string
		events []any
		want   string
	}{
		{"two hands", []any{claimed(1, "ann", 1), claimed(2, "bob", 1)}, "ticket 1 of 10 is claimed by claim 2, and claim 1 has it"},
		{"a ticket too many", []any{claimed(1, "ann", 11)}, "ticket 11 of 10"},
		{"a fifth ticket", []any{claimed(1, "ann", 1, 2, 3), claimed(2, "ann", 4, 5)}, "ann has 5 tickets"},
		{"claimed after a stop", []any{pool.SalesStopped{}, claimed(1, "ann", 1)}, "the sale is stopped"},
		{"bought after a stop", []any{claimed(1, "ann", 1), pool.SalesStopped{}, sales(1, "ann", 1)}, "the sale is stopped"},
		{"bought by another", []any{claimed(1, "ann", 1), sales(1, "bob", 1)}, "ticket 1 is bought"},
		{"bought twice", []any{claimed(1, "ann", 1), sales(1, "ann", 1, 1)}, "ticket 1 is bought"},
		{"bought when released", []any{claimed(1, "ann", 1), pool.ClaimReleased{Claim: 1, Customer: "ann", Tickets: []int{1}}, sales(1, "ann", 1)}, "ticket 1 is bought"},
		{"released when bought", []any{claimed(1, "ann", 1), sales(1, "ann", 1), pool.ClaimReleased{Claim: 1, Customer: "ann", Tickets: []int{1}}}, "gives back"},
		{"released in part", []any{claimed(1, "ann", 1, 2), pool.ClaimReleased{Claim: 1, Customer: "ann", Tickets: []int{1}}}, "gives back"},
		{"refunded when held", []any{claimed(1, "ann", 1), pool.OrderRefunded{Claim: 1, Customer: "ann", Tickets: []int{1}}}, "is refunded"},
		{"refunded too much", []any{paidFor(), pool.OrderRefunded{Claim: 1, Customer: "ann", Tickets: []int{1}, Payment: "pi_1", Amount: 501}}, "is refunded"},
		{"another amount", []any{claimed(1, "ann", 1), pool.PaymentStarted{Claim: 1, Amount: 400}}, "a payment of 400 begins"},
		{"authorised twice", []any{paidFor(), pool.PaymentAuthorised{Claim: 1, Payment: "pi_2", Amount: 500}}, "payment pi_2"},
	} {
		if b := kept(test.events...); !strings.Contains(fmt.Sprint(b.problems), test.want) {
			t.Errorf("%s: the objections are %q, want %q", test.what, b.problems, test.want)
		}
	}
	b := kept(claimed(1, "ann", 1))
	b.apply(b.version+2, pool.SalesStopped{})
	b.moved("pi_9", tickets.PaymentCaptured{})
	if got := fmt.Sprint(b.problems); !strings.Contains(got, "the next event has version 4") || !strings.Contains(got, "payment pi_9") {
		t.Errorf("the objections are %s", got)
	}
}

func TestAcknowledged(t *testing.T) {
	b := kept(claimed(1, "ann", 1, 2), sales(1, "ann", 1, 2), claimed(2, "bob", 3))
	for _, test := range []struct {
		ack  acknowledged
		good bool
	}{
		{acknowledged{"ann", "jazz-1", tickets.ClaimHeld, []int{1, 2}, 3}, true},
		{acknowledged{"ann", "jazz-1", tickets.ClaimSold, []int{1, 2}, 9}, true},
		{acknowledged{"ann", "jazz-1", tickets.ClaimHeld, []int{1}, 3}, false},
		{acknowledged{"bob", "jazz-1", tickets.ClaimHeld, []int{1, 2}, 3}, false},
		{acknowledged{"ann", "jazz-1", tickets.ClaimSold, []int{1, 2}, 3}, false},
		{acknowledged{"bob", "jazz-2", tickets.ClaimSold, []int{3}, 9}, false},
		{acknowledged{"bob", "jazz-2", tickets.ClaimReleased, []int{3}, 9}, false},
		{acknowledged{"cy", "jazz-3", tickets.ClaimHeld, []int{4}, 9}, false},
		{acknowledged{"ann", "jazz-x-1", tickets.ClaimHeld, []int{1, 2}, 3}, false},
	} {
		if problem := b.check(test.ack); (problem == "") != test.good {
			t.Errorf("%+v: %q", test.ack, problem)
		}
	}
}

func TestLedger(t *testing.T) {
	entry := func(id, reference string, sums paysim.Sums) paysim.LedgerPayment {
		return paysim.LedgerPayment{ID: id, Reference: reference, Amount: 500, Sums: sums}
	}
	good := paysim.Sums{Authorised: 500, Captured: 500}
	for _, test := range []struct {
		what    string
		entries []paysim.LedgerPayment
		want    string // "" for no objection
	}{
		{"right", []paysim.LedgerPayment{
			entry("pi_1", "jazz-1 attempt 1", good), entry("pi_0", "jazz-2 attempt 1", paysim.Sums{}), entry("pi_7", "rock-1 attempt 1", paysim.Sums{Authorised: 9}),
		}, ""},
		{"unknown to the provider", nil, "the provider does not know it"},
		{"captured twice", []paysim.LedgerPayment{entry("pi_1", "jazz-1 attempt 1", good), entry("pi_2", "jazz-1 attempt 2", good)}, "pi_2 for jazz-1 attempt 2 is captured"},
		{"not captured", []paysim.LedgerPayment{entry("pi_1", "jazz-1 attempt 1", paysim.Sums{Authorised: 500})}, "500 of payment pi_1"},
		{"hangs", []paysim.LedgerPayment{entry("pi_1", "jazz-1 attempt 1", good), entry("pi_2", "jazz-1 attempt 2", paysim.Sums{Authorised: 500})}, "500 of payment pi_2"},
		{"given back", []paysim.LedgerPayment{entry("pi_1", "jazz-1 attempt 1", paysim.Sums{Authorised: 500, Captured: 500, Refunded: 500})}, "the events say"},
		{"of another claim", []paysim.LedgerPayment{entry("pi_1", "jazz-2 attempt 1", good)}, "the events say"},
	} {
		_, problems := kept(paidFor()).agree(&paysim.Ledger{Payments: test.entries})
		if got := strings.Join(problems, "; "); (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want %q", test.what, got, test.want)
		}
	}
}

// Of an answer with an error of the server, or a conflict, no customer is to hear.
func TestMayRefuse(t *testing.T) {
	for _, test := range []struct {
		step   string
		status int
		reason string
		may    bool
	}{
		{"claim", 409, pool.SoldOut, true},
		{"buy", 409, pool.ClaimExpired, true},
		{"buy", 409, pool.SoldOut, false},
		{"claim", 412, "", false},
		{"claim", 422, "", false},
		{"claim", 500, "", false},
	} {
		if got := mayRefuse(test.step, Answer{Status: test.status, Reason: test.reason}); got != test.may {
			t.Errorf("%+v: %t", test, got)
		}
	}
	l := newLog()
	l.acknowledge("ann", &tickets.CommandDocument{Version: 7}, []tickets.ClaimState{tickets.ClaimHeld})
	if len(l.problems) != 1 {
		t.Errorf("an answer without a claim leads to %v", l.problems)
	}
}
