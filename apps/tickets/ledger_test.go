package tickets_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/aether-es/aether/apps/tickets/payment"
)

// ledger is a payment provider that keeps its books in memory. The method of payment says
// how it behaves.
type ledger struct {
	mu       sync.Mutex
	payments map[string]*payment.Payment
	answers  map[string]payment.Payment // by key
	refused  map[string]error           // by key: a refusal is remembered, too
	calls    map[string]int             // by key
	rejects  map[string]bool            // operations, "capture", that are not done
	silent   map[string]bool            // operations that are done, and not answered
	shut     map[string]bool            // operations that cannot be reached
	holding  chan struct{}              // with it, "slow" waits until it is closed
	waiting  chan struct{}              // has an item when "slow" waits
}

func newLedger() *ledger {
	return &ledger{
		payments: make(map[string]*payment.Payment), answers: make(map[string]payment.Payment), refused: make(map[string]error), calls: make(map[string]int),
		rejects: make(map[string]bool), silent: make(map[string]bool), shut: make(map[string]bool), holding: make(chan struct{}), waiting: make(chan struct{}, 100),
	}
}

// TestMode says that no money moves.
func (l *ledger) TestMode() bool { return true }

// The methods of payment.
const (
	good     = "good"
	poor     = "poor"     // is declined
	timesOut = "timesOut" // is authorised, and the first answer lost
	lost     = "lost"     // is authorised, and no call ever answered
	away     = "away"     // cannot be reached at first
	slow     = "slow"     // takes until the test says so
	vanished = "vanished" // never arrives, which nobody knows
)

func (l *ledger) Authorise(ctx context.Context, key string, a payment.Authorisation) (payment.Payment, error) {
	if a.Method == slow {
		l.waiting <- struct{}{}
		select {
		case <-l.holding:
		case <-ctx.Done(): // nobody waits for the answer any more, but it has arrived
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls[key]++
	if a.Method == away && l.calls[key] == 1 {
		return payment.Payment{}, fmt.Errorf("%w: no route", payment.ErrNotDone)
	}
	if a.Method == vanished {
		return payment.Payment{}, fmt.Errorf("%w: timed out", payment.ErrUnknown)
	}
	p, again := l.answers[key]
	if !again {
		p = payment.Payment{ID: fmt.Sprintf("pi_%d", len(l.payments)+1), Status: payment.Authorised, Amount: a.Amount, Reference: a.Reference}
		if a.Method == poor {
			p.Status, p.Reason = payment.Declined, "insufficient_funds"
		}
		kept := p
		l.payments[p.ID], l.answers[key] = &kept, p
	}
	if a.Method == lost || a.Method == timesOut && l.calls[key] == 1 || ctx.Err() != nil {
		return payment.Payment{}, fmt.Errorf("%w: timed out", payment.ErrUnknown)
	}
	return p, nil
}

// change does something to a payment, once for each key.
func (l *ledger) change(op, key, id string, do func(p *payment.Payment) error) (payment.Payment, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls[key]++
	p := l.payments[id]
	switch {
	case p == nil:
		return payment.Payment{}, payment.ErrNoPayment
	case l.shut[op]:
		return payment.Payment{}, fmt.Errorf("%w: no route", payment.ErrNotDone)
	case l.rejects[op]:
		return payment.Payment{}, fmt.Errorf("%w: %s", payment.ErrRejected, op)
	}
	if err := l.refused[key]; err != nil {
		return payment.Payment{}, err
	}
	if _, again := l.answers[key]; !again {
		if err := do(p); err != nil {
			l.refused[key] = err
			return payment.Payment{}, err
		}
		l.answers[key] = *p
	}
	if l.silent[op] {
		return payment.Payment{}, fmt.Errorf("%w: timed out", payment.ErrUnknown)
	}
	return *p, nil
}

func (l *ledger) Capture(_ context.Context, key, id string, amount int64) (payment.Payment, error) {
	return l.change("capture", key, id, func(p *payment.Payment) error {
		if p.Status != payment.Authorised {
			return fmt.Errorf("%w: it is %s", payment.ErrRejected, p.Status)
		}
		p.Status, p.Captured = payment.Captured, amount
		return nil
	})
}

func (l *ledger) Cancel(_ context.Context, key, id string) (payment.Payment, error) {
	return l.change("cancel", key, id, func(p *payment.Payment) error {
		if p.Status != payment.Authorised {
			return fmt.Errorf("%w: it is %s", payment.ErrRejected, p.Status)
		}
		p.Status = payment.Cancelled
		return nil
	})
}

func (l *ledger) Refund(_ context.Context, key, id string, amount int64) (payment.Payment, error) {
	return l.change("refund", key, id, func(p *payment.Payment) error {
		if p.Status != payment.Captured {
			return errors.Join(payment.ErrRejected, &payment.Error{Op: "refund", Now: p.Status})
		}
		p.Status, p.Refunded = payment.Refunded, amount
		return nil
	})
}

func (l *ledger) Find(_ context.Context, reference string) (payment.Payment, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.silent["find"] {
		return payment.Payment{}, false, fmt.Errorf("%w: timed out", payment.ErrUnknown)
	}
	for _, p := range l.payments {
		if p.Reference == reference {
			return *p, true, nil
		}
	}
	return payment.Payment{}, false, nil
}

func (l *ledger) Get(_ context.Context, id string) (payment.Payment, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.silent["get"] {
		return payment.Payment{}, fmt.Errorf("%w: timed out", payment.ErrUnknown)
	}
	if p := l.payments[id]; p != nil {
		return *p, nil
	}
	return payment.Payment{}, payment.ErrNoPayment
}

// set changes how an operation behaves.
func (l *ledger) set(of map[string]bool, op string, to bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	of[op] = to
}

// sums returns what is reserved, and what we have.
func (l *ledger) sums() (reserved, have int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.payments {
		if p.Status == payment.Authorised {
			reserved += p.Amount
		}
		have += p.Captured - p.Refunded
	}
	return reserved, have
}

// all returns the payments, in the order of their IDs.
func (l *ledger) all() []payment.Payment {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []payment.Payment
	for _, id := range slices.Sorted(maps.Keys(l.payments)) {
		all = append(all, *l.payments[id])
	}
	return all
}

// number returns how many payments there are.
func (l *ledger) number() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.payments)
}
