package tickets_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/tickets"
	"github.com/aether-es/aether/apps/tickets/payment"
	"github.com/aether-es/aether/apps/tickets/pool"
)

// settle settles a case in a way.
func (w *world) settle(c tickets.CaseDocument, way string) {
	w.t.Helper()
	if status, data := w.raw("POST", "/cases/settle", fields{"id": c.ID, "way": way, "by": "op", "note": "seen"}); status != http.StatusNoContent {
		w.t.Errorf("settle %s: %d %s", way, status, data)
	}
}

// notified is a webhook about a payment.
func notified(w *world, id string, p payment.Payment) error {
	return w.tickets.Notified(w.t.Context(), payment.Event{ID: id, Type: "payment_intent.amount_capturable_updated", Payment: p.ID, Reference: p.Reference})
}

// An order that is refunded before its payment is captured lets the amount go, which is
// not captured any more.
func TestRefundedBeforeCaptured(t *testing.T) {
	w := newWorld(t, newLedger())
	w.provider.set(w.provider.shut, "capture", true)
	jazz := w.create("Jazz", 10, nil)
	cart := w.claim(jazz, "ann", 2)
	w.buy(cart, "ann", good)
	w.state(cart, tickets.ClaimSold, tickets.MoneyAuthorised)
	w.do(http.StatusOK, "POST", "/claims/"+cart+"/refund", nil)
	w.state(cart, tickets.ClaimRefunded, tickets.MoneyCancelled)
	w.money(0, 0)
	w.provider.set(w.provider.shut, "capture", false)
	w.moveOn(time.Second, "the capture is given up", func() bool { return w.events("PaymentCancelled") == 2 })
	w.state(cart, tickets.ClaimRefunded, tickets.MoneyCancelled)
	w.money(0, 0)
	if open := w.cases(); len(open) > 0 {
		t.Errorf("there are cases: %+v", open)
	}
}

// One that was captured, which nobody was told, is given back, though for a while the
// provider does not say how it is.
func TestRefundedWhileCaptured(t *testing.T) {
	w := newWorld(t, newLedger())
	w.provider.set(w.provider.silent, "capture", true)
	jazz := w.create("Jazz", 10, nil)
	cart := w.claim(jazz, "ann", 2)
	w.buy(cart, "ann", good)
	w.until("it is captured", func() bool { _, have := w.provider.sums(); return have == 10000 })
	w.provider.set(w.provider.silent, "get", true)
	w.do(http.StatusOK, "POST", "/claims/"+cart+"/refund", nil)
	failed := w.events("EffectFailed")
	w.moveOn(time.Second, "both were tried several times", func() bool { return w.events("EffectFailed") >= failed+6 })
	w.provider.set(w.provider.silent, "get", false)
	w.moveOn(time.Second, "it is refunded", func() bool { return w.look(cart).Payment == tickets.MoneyRefunded })
	w.money(0, 0)
	if open := w.cases(); len(open) > 0 || w.events("PaymentFailed") > 0 {
		t.Errorf("there are cases: %+v", open)
	}
}

// events returns how many events of a type there are.
func (w *world) events(kind string) (n int) {
	w.t.Helper()
	for e, err := range w.store.ReadLog(w.t.Context(), 0, nil) {
		if err != nil {
			w.t.Fatal(err)
		}
		if e.Type == kind {
			n++
		}
	}
	return n
}

// So does one whose capture has failed, at once, which ends that case.
func TestRefundedAfterFailedCapture(t *testing.T) {
	w := newWorld(t, newLedger())
	w.provider.set(w.provider.rejects, "capture", true)
	jazz := w.create("Jazz", 10, nil)
	cart := w.claim(jazz, "ann", 2)
	w.buy(cart, "ann", good)
	w.state(cart, tickets.ClaimSold, tickets.MoneyFailed)
	w.do(http.StatusOK, "POST", "/claims/"+cart+"/refund", nil)
	w.state(cart, tickets.ClaimRefunded, tickets.MoneyCancelled)
	w.money(0, 0)
	if open := w.cases(); len(open) > 0 {
		t.Errorf("there are cases: %+v", open)
	}
}

// What was refunded is not captured, though an operator wants it.
func TestNoCaptureAfterRefund(t *testing.T) {
	w := newWorld(t, newLedger())
	w.provider.set(w.provider.rejects, "capture", true)
	w.provider.set(w.provider.shut, "cancel", true)
	jazz := w.create("Jazz", 10, nil)
	one, two := w.claim(jazz, "ann", 2), w.claim(jazz, "bob", 1)
	w.buy(one, "ann", good)
	w.state(one, tickets.ClaimSold, tickets.MoneyFailed)
	w.buy(two, "bob", good)
	w.state(two, tickets.ClaimSold, tickets.MoneyFailed)
	open := w.cases()
	w.do(http.StatusOK, "POST", "/claims/"+one+"/refund", nil)
	w.provider.set(w.provider.rejects, "capture", false)
	w.refused(tickets.OrderOver, "POST", "/cases/settle", fields{"id": open[0].ID, "way": tickets.Again, "by": "op"})
	w.settle(open[1], tickets.Again)
	w.state(two, tickets.ClaimSold, tickets.MoneyCaptured)
	w.money(10000, 5000)
	w.provider.set(w.provider.shut, "cancel", false)
	w.moveOn(time.Second, "the first is let go", func() bool { return w.look(one).Payment == tickets.MoneyCancelled })
	w.money(0, 5000)
	if open := w.cases(); len(open) > 0 {
		t.Errorf("there are cases: %+v", open)
	}
}

// Nobody takes a payment for one that was never made while the provider has it.
func TestNotDoneIsLookedUp(t *testing.T) {
	w := newWorld(t, newLedger())
	w.provider.set(w.provider.silent, "find", true)
	jazz := w.create("Jazz", 10, nil)
	cart := w.claim(jazz, "ann", 2)
	w.buy(cart, "ann", lost)
	w.moveOn(time.Minute, "it is a case", func() bool { return len(w.cases()) == 1 })
	not := fields{"id": w.cases()[0].ID, "way": tickets.NotDone, "by": "op"}
	w.refused(tickets.NotKnown, "POST", "/cases/settle", not)
	w.provider.set(w.provider.silent, "find", false)
	w.refused(tickets.PaymentMade, "POST", "/cases/settle", not)
	w.settle(w.cases()[0], tickets.Look)
	w.until("it is let go", func() bool { reserved, _ := w.provider.sums(); return reserved == 0 })
	w.money(0, 0)
}

// A webhook has looked at what would be tried again, or is in doubt, of its payment and no
// other, and not with more work the more of them there are.
func TestWebhookLooks(t *testing.T) {
	const customers = 40
	w := newWorld(t, newLedger())
	jazz := w.create("Jazz", customers, nil)
	for i := range customers {
		name := fmt.Sprint("customer-", i)
		w.buy(w.claim(jazz, name, 1), name, timesOut)
	}
	w.until("all have timed out", func() bool { return w.provider.number() == customers })
	w.until("all wait for another attempt", func() bool { return w.events("EffectFailed") == customers })
	before := w.store.reads.Load()
	if err := notified(w, "evt_1", w.provider.all()[0]); err != nil {
		t.Fatal(err)
	}
	if reads := w.store.reads.Load() - before; reads > customers/2 {
		t.Errorf("a webhook has read %d times", reads)
	}
	w.until("it is sold", func() bool { return w.pool(jazz).Sold > 0 })
	if d := w.pool(jazz); d.Sold != 1 {
		t.Errorf("after one webhook %d are sold", d.Sold)
	}
	if n := w.events("PaymentNotified"); n != 1 {
		t.Errorf("%d webhooks are noted", n)
	}
	if err := notified(w, "evt_foreign", payment.Payment{ID: "pi_9", Reference: jazz + "-1 attempt 1 of test/0123456789abcdef"}); err != nil {
		t.Fatal(err)
	}
	if n := w.events("PaymentNotified"); n != 1 {
		t.Errorf("one of another installation is noted")
	}
}

// A webhook that could not be looked into is sent again, and looked into then.
func TestWebhookAgain(t *testing.T) {
	w := newWorld(t, newLedger())
	jazz := w.create("Jazz", 10, nil)
	cart := w.claim(jazz, "ann", 2)
	w.buy(cart, "ann", timesOut)
	w.until("it waits for another attempt", func() bool { return w.events("EffectFailed") == 1 })
	p := w.provider.all()[0]
	w.provider.set(w.provider.silent, "get", true)
	if err := notified(w, "evt_1", p); !errors.Is(err, payment.ErrUnknown) {
		t.Errorf("while the provider is silent: %v", err)
	}
	w.provider.set(w.provider.silent, "get", false)
	for range 2 {
		if err := notified(w, "evt_1", p); err != nil {
			t.Error(err)
		}
	}
	w.state(cart, tickets.ClaimSold, tickets.MoneyCaptured)
	if n := w.events("PaymentNotified"); n != 1 {
		t.Errorf("it is noted %d times", n)
	}
}

// A refund that does not arrive is for an operator to see to, by hand.
func TestReturnedRefund(t *testing.T) {
	w := newWorld(t, newLedger())
	jazz := w.create("Jazz", 10, nil)
	cart := w.claim(jazz, "ann", 2)
	w.buy(cart, "ann", good)
	w.state(cart, tickets.ClaimSold, tickets.MoneyCaptured)
	w.do(http.StatusOK, "POST", "/claims/"+cart+"/refund", nil)
	w.state(cart, tickets.ClaimRefunded, tickets.MoneyRefunded)
	for range 2 {
		err := w.tickets.Notified(t.Context(), payment.Event{ID: "evt_1", Type: "refund.failed", Payment: "pi_1", Returned: true, Reason: "expired_or_canceled_card"})
		if err != nil {
			t.Fatal(err)
		}
	}
	w.state(cart, tickets.ClaimRefunded, tickets.MoneyFailed)
	open := w.cases()
	if len(open) != 1 || open[0].Action != "refund" || open[0].Claim != cart || open[0].Amount != 10000 || fmt.Sprint(open[0].Ways) != "[done]" {
		t.Fatalf("the cases are %+v", open)
	}
	w.refused(tickets.RefundReturned, "POST", "/cases/settle", fields{"id": open[0].ID, "way": tickets.Again, "by": "op"})
	w.settle(open[0], tickets.Done)
	w.state(cart, tickets.ClaimRefunded, tickets.MoneyRefunded)
	if open := w.cases(); len(open) > 0 {
		t.Errorf("there are cases: %+v", open)
	}
}

// Two installations that have the same account at the provider, and pools of the same ID,
// have payments of their own.
func TestSharedAccount(t *testing.T) {
	shared := newLedger()
	var carts []string
	worlds := []*world{newWorld(t, shared), newWorld(t, shared)}
	for _, w := range worlds {
		w.send("jazz", tickets.CreatePool, pool.Create{
			Name: "Jazz", Capacity: 10, Rule: pool.Rule{Base: 5000}, Currency: "EUR", EventDate: event, Payment: pool.Online,
		})
		cart := w.claim("jazz", "ann", 2)
		w.buy(cart, "ann", good)
		w.state(cart, tickets.ClaimSold, tickets.MoneyCaptured)
		carts = append(carts, cart)
	}
	if n := shared.number(); n != 2 || carts[0] != carts[1] {
		t.Fatalf("for %v there are %d payments", carts, n)
	}
	all := shared.all()
	if all[0].Reference == all[1].Reference {
		t.Errorf("both are called %q", all[0].Reference)
	}
	worlds[0].money(0, 20000)
}
