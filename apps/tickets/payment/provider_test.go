package payment_test

import (
	"strings"
	"testing"

	"github.com/aether-es/aether/apps/tickets/payment"
	"github.com/aether-es/aether/apps/tickets/paysim"
)

func TestAuthoriseCaptureRefund(t *testing.T) {
	sim, c := simulated(t, paysim.Faults{})
	authorised := authorise(t, c, "a1")
	want := payment.Payment{ID: authorised.ID, Status: payment.Authorised, Amount: 5000, Reference: order().Reference}
	if authorised != want {
		t.Errorf("authorised: got %+v, want %+v", authorised, want)
	}
	if got := only(t, sim); got.Authorised != 5000 || got.Captured != 0 || got.Description != "2 tickets" || got.Currency != "eur" {
		t.Errorf("the provider has %+v", got)
	}

	captured, err := c.Capture(t.Context(), "c1", authorised.ID, 5000)
	want.Status, want.Captured = payment.Captured, 5000
	if err != nil || captured != want {
		t.Errorf("captured: got %+v, %v, want %+v", captured, err, want)
	}

	part, err := c.Refund(t.Context(), "r1", authorised.ID, 2000)
	want.Refunded = 2000
	if err != nil || part != want {
		t.Errorf("refunded in part: got %+v, %v, want %+v", part, err, want)
	}
	all, err := c.Refund(t.Context(), "r2", authorised.ID, 3000)
	want.Refunded, want.Status = 5000, payment.Refunded
	if err != nil || all != want {
		t.Errorf("refunded: got %+v, %v, want %+v", all, err, want)
	}
	now, err := c.Get(t.Context(), authorised.ID)
	if err != nil || now != want {
		t.Errorf("now: got %+v, %v, want %+v", now, err, want)
	}
	if got := only(t, sim); got.Captured != 5000 || got.Refunded != 5000 {
		t.Errorf("the provider has %+v", got)
	}
}

// What is not captured is let go, and is no refund.
func TestCapturePart(t *testing.T) {
	sim, c := simulated(t, paysim.Faults{})
	p, err := c.Capture(t.Context(), "c1", authorise(t, c, "a1").ID, 3000)
	if err != nil || p.Status != payment.Captured || p.Captured != 3000 || p.Refunded != 0 {
		t.Errorf("got %+v, %v", p, err)
	}
	if got := only(t, sim); got.Captured != 3000 || got.Released != 2000 {
		t.Errorf("the provider has %+v", got)
	}
}

func TestDeclined(t *testing.T) {
	for method, reason := range map[string]string{
		"pm_card_chargeDeclined":                       "generic_decline",
		"pm_card_visa_chargeDeclined":                  "generic_decline",
		"pm_card_chargeDeclinedInsufficientFunds":      "insufficient_funds",
		"pm_card_visa_chargeDeclinedInsufficientFunds": "insufficient_funds",
		"pm_card_chargeDeclinedExpiredCard":            "expired_card",
		"pm_card_authenticationRequired":               "authentication_required",
	} {
		t.Run(method, func(t *testing.T) {
			sim, c := simulated(t, paysim.Faults{})
			a := order()
			a.Method = method
			for range 2 {
				p, err := c.Authorise(t.Context(), "a1", a)
				want := payment.Payment{ID: p.ID, Status: payment.Declined, Amount: 5000, Reason: reason, Reference: a.Reference}
				if err != nil || p != want || p.ID == "" {
					t.Errorf("got %+v, %v, want %+v", p, err, want)
				}
			}
			declined := only(t, sim)
			if declined.Authorised != 0 {
				t.Errorf("the provider has %+v", declined)
			}
			now, err := c.Get(t.Context(), declined.ID)
			if err != nil || now.Status != payment.Declined || now.Reason != reason {
				t.Errorf("now: %+v, %v", now, err)
			}

			// One that was never authorised can be cancelled all the same, and not captured.
			_, err = c.Capture(t.Context(), "c1", declined.ID, 5000)
			wantClasses(t, err, payment.ErrNotDone, payment.ErrRejected)
			if p, err := c.Cancel(t.Context(), "x1", declined.ID); err != nil || p.Status != payment.Cancelled {
				t.Errorf("cancelled: %+v, %v", p, err)
			}
		})
	}
}

// A method that does not exist comes from the customer, like one that is declined.
func TestNoSuchMethod(t *testing.T) {
	sim, c := simulated(t, paysim.Faults{})
	a := order()
	a.Method = "pm_nonsense"
	p, err := c.Authorise(t.Context(), "a1", a)
	if want := (payment.Payment{Status: payment.Declined, Amount: 5000, Reason: "resource_missing", Reference: a.Reference}); err != nil || p != want {
		t.Errorf("got %+v, %v, want %+v", p, err, want)
	}
	if n := len(sim.Ledger().Payments); n != 0 {
		t.Errorf("the provider has %d payments", n)
	}
}

// Each call made twice, with its key and with another one, which stands for a key that
// the provider has forgotten.
func TestTwice(t *testing.T) {
	sim, c := simulated(t, paysim.Faults{})
	first := authorise(t, c, "a1")
	if second := authorise(t, c, "a1"); second != first {
		t.Errorf("authorised again: got %+v, want %+v", second, first)
	}
	for _, key := range []string{"c1", "c1", "c2"} {
		if p, err := c.Capture(t.Context(), key, first.ID, 5000); err != nil || p.Status != payment.Captured || p.Captured != 5000 {
			t.Errorf("captured with %s: %+v, %v", key, p, err)
		}
	}
	if again := authorise(t, c, "a1"); again != first {
		t.Errorf("authorised once more: got %+v, want the first answer, %+v", again, first)
	}
	for _, key := range []string{"r1", "r1", "r2"} {
		if p, err := c.Refund(t.Context(), key, first.ID, 5000); err != nil || p.Status != payment.Refunded || p.Refunded != 5000 {
			t.Errorf("refunded with %s: %+v, %v", key, p, err)
		}
	}
	if got := only(t, sim); got.Authorised != 5000 || got.Captured != 5000 || got.Refunded != 5000 || got.Released != 0 {
		t.Errorf("the provider has %+v", got)
	}

	other := authorise(t, c, "a2")
	if other.ID == first.ID {
		t.Error("another key has led to the same payment")
	}
	for _, key := range []string{"x1", "x1", "x2"} {
		if p, err := c.Cancel(t.Context(), key, other.ID); err != nil || p.Status != payment.Cancelled || p.Captured+p.Refunded != 0 {
			t.Errorf("cancelled with %s: %+v, %v", key, p, err)
		}
	}
}

// What the state of a payment does not allow is rejected, and the error tells the state.
func TestWrongState(t *testing.T) {
	sim, c := simulated(t, paysim.Faults{})
	cancelled, captured := authorise(t, c, "a1").ID, authorise(t, c, "a2").ID
	if _, err := c.Cancel(t.Context(), "x1", cancelled); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Capture(t.Context(), "c1", captured, 4000); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Refund(t.Context(), "r1", captured, 3000); err != nil {
		t.Fatal(err)
	}
	before := sim.Ledger().Totals["eur"]
	for _, test := range []struct {
		name string
		call func() (payment.Payment, error)
		now  payment.Status
	}{
		{"capture of a cancelled one", func() (payment.Payment, error) { return c.Capture(t.Context(), "k1", cancelled, 5000) }, payment.Cancelled},
		{"capture of another amount", func() (payment.Payment, error) { return c.Capture(t.Context(), "k2", captured, 5000) }, payment.Captured},
		{"cancel of a captured one", func() (payment.Payment, error) { return c.Cancel(t.Context(), "k3", captured) }, payment.Captured},
		{"refund of a cancelled one", func() (payment.Payment, error) { return c.Refund(t.Context(), "k4", cancelled, 5000) }, payment.Cancelled},
		{"refund of more than is left", func() (payment.Payment, error) { return c.Refund(t.Context(), "k5", captured, 1001) }, payment.Captured},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, err := test.call()
			wantClasses(t, err, payment.ErrNotDone, payment.ErrRejected)
			if e, ok := err.(*payment.Error); !ok || e.Now != test.now || p != (payment.Payment{}) {
				t.Errorf("got %+v, %v, want an error with the state %q", p, err, test.now)
			}
		})
	}
	if after := sim.Ledger().Totals["eur"]; after != before {
		t.Errorf("money has moved: %+v, then %+v", before, after)
	}
	over := authorise(t, c, "a3")
	_, err := c.Capture(t.Context(), "k6", over.ID, 5001)
	wantClasses(t, err, payment.ErrNotDone, payment.ErrRejected)
}

func TestKeyReused(t *testing.T) {
	sim, c := simulated(t, paysim.Faults{})
	p := authorise(t, c, "k")
	a := order()
	a.Amount++
	_, err := c.Authorise(t.Context(), "k", a)
	wantClasses(t, err, payment.ErrNotDone, payment.ErrRejected, payment.ErrKeyReused)
	_, err = c.Capture(t.Context(), "k", p.ID, 5000)
	wantClasses(t, err, payment.ErrNotDone, payment.ErrRejected, payment.ErrKeyReused)
	if got := only(t, sim); got.Amount != 5000 || got.Captured != 0 {
		t.Errorf("the provider has %+v", got)
	}
}

// Keys are those of effects, with whatever is in the ID of an actor.
func TestAnyKey(t *testing.T) {
	sim, c := simulated(t, paysim.Faults{})
	for i, key := range []string{"effect/authorise/pool/jazz night@57", "effect/pool/Füße", strings.Repeat("k", 255), strings.Repeat("k", 256), strings.Repeat("k", 257)} {
		if first, again := authorise(t, c, key), authorise(t, c, key); first != again {
			t.Errorf("the key %q has led to %+v and %+v", key, first, again)
		}
		if n := len(sim.Ledger().Payments); n != i+1 {
			t.Errorf("after the key %q there are %d payments, want %d", key, n, i+1)
		}
	}
}

func TestFind(t *testing.T) {
	sim, c := simulated(t, paysim.Faults{})
	if p, found, err := c.Find(t.Context(), "pool/jazz"); found || err != nil {
		t.Errorf("there is %+v, %v", p, err)
	}
	a := order()
	a.Reference = `pool/"jazz" \ claim 1`
	a.Method = "pm_card_chargeDeclined"
	if _, err := c.Authorise(t.Context(), "a1", a); err != nil {
		t.Fatal(err)
	}
	if p, found, err := c.Find(t.Context(), a.Reference); !found || err != nil || p.Status != payment.Declined || p.Reference != a.Reference {
		t.Errorf("of the declined one: %+v, %v, %v", p, found, err)
	}
	a.Method = "pm_card_visa"
	authorised, err := c.Authorise(t.Context(), "a2", a)
	if err != nil {
		t.Fatal(err)
	}
	for range 150 { // the one that holds money is on another page
		a.Method = "pm_card_chargeDeclined"
		if _, err := c.Authorise(t.Context(), "a3"+strings.Repeat("x", len(sim.Ledger().Payments)), a); err != nil {
			t.Fatal(err)
		}
	}
	if p, found, err := c.Find(t.Context(), a.Reference); !found || err != nil || p != authorised {
		t.Errorf("got %+v, %v, %v, want %+v", p, found, err, authorised)
	}
	if _, err := c.Capture(t.Context(), "c1", authorised.ID, 5000); err != nil {
		t.Fatal(err)
	}
	if p, found, err := c.Find(t.Context(), a.Reference); !found || err != nil || p.Captured != 5000 {
		t.Errorf("of the captured one: %+v, %v, %v", p, found, err)
	}

	a.Method = "pm_card_visa"
	if _, err := c.Authorise(t.Context(), "a4", a); err != nil {
		t.Fatal(err)
	}
	_, _, err = c.Find(t.Context(), a.Reference)
	if err == nil || !strings.Contains(err.Error(), authorised.ID) {
		t.Errorf("two hold money, and the error is %v", err)
	}
	if err := sim.SetFaults(paysim.Faults{SearchMillis: 3_600_000}); err != nil {
		t.Fatal(err)
	}
	if p, found, err := c.Find(t.Context(), a.Reference); found || err != nil {
		t.Errorf("before the provider can find it: %+v, %v", p, err)
	}
}

func TestInvalid(t *testing.T) {
	sim, c := simulated(t, paysim.Faults{})
	for name, change := range map[string]func(*payment.Authorisation){
		"no amount":        func(a *payment.Authorisation) { a.Amount = 0 },
		"negative amount":  func(a *payment.Authorisation) { a.Amount = -1 },
		"huge amount":      func(a *payment.Authorisation) { a.Amount = payment.MaxAmount + 1 },
		"no currency":      func(a *payment.Authorisation) { a.Currency = "" },
		"no code":          func(a *payment.Authorisation) { a.Currency = "E1R" },
		"no method":        func(a *payment.Authorisation) { a.Method = "" },
		"no reference":     func(a *payment.Authorisation) { a.Reference = "" },
		"long reference":   func(a *payment.Authorisation) { a.Reference = strings.Repeat("r", payment.MaxReference+1) },
		"long description": func(a *payment.Authorisation) { a.Description = strings.Repeat("d", payment.MaxDescription+1) },
		"amount too small": func(a *payment.Authorisation) { a.Amount = 49 }, // the provider says so
	} {
		a := order()
		change(&a)
		_, err := c.Authorise(t.Context(), "a "+name, a)
		if wantClasses(t, err, payment.ErrNotDone, payment.ErrRejected); t.Failed() {
			t.Fatal(name)
		}
	}
	for name, call := range map[string]func() (payment.Payment, error){
		"no key":         func() (payment.Payment, error) { return c.Authorise(t.Context(), "", order()) },
		"capture no ID":  func() (payment.Payment, error) { return c.Capture(t.Context(), "k", "", 1) },
		"capture no key": func() (payment.Payment, error) { return c.Capture(t.Context(), "", "pi_1", 1) },
		"capture 0":      func() (payment.Payment, error) { return c.Capture(t.Context(), "k", "pi_1", 0) },
		"cancel no ID":   func() (payment.Payment, error) { return c.Cancel(t.Context(), "k", "") },
		"cancel no key":  func() (payment.Payment, error) { return c.Cancel(t.Context(), "", "pi_1") },
		"refund no ID":   func() (payment.Payment, error) { return c.Refund(t.Context(), "k", "", 1) },
		"refund no key":  func() (payment.Payment, error) { return c.Refund(t.Context(), "", "pi_1", 1) },
		"refund 0":       func() (payment.Payment, error) { return c.Refund(t.Context(), "k", "pi_1", 0) },
		"get no ID":      func() (payment.Payment, error) { return c.Get(t.Context(), "") },
	} {
		_, err := call()
		if wantClasses(t, err, payment.ErrNotDone, payment.ErrRejected); t.Failed() {
			t.Fatal(name)
		}
	}
	for _, id := range []string{"pi_none", "../refunds", "pi_1/capture?x=y"} {
		_, err := c.Get(t.Context(), id)
		wantClasses(t, err, payment.ErrNotDone, payment.ErrRejected, payment.ErrNoPayment)
		_, err = c.Refund(t.Context(), "r "+id, id, 100)
		wantClasses(t, err, payment.ErrNotDone, payment.ErrRejected, payment.ErrNoPayment)
	}
	if n := len(sim.Ledger().Payments); n != 0 {
		t.Errorf("the provider has %d payments", n)
	}
}
