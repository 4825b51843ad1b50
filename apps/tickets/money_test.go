package tickets_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/tickets"
	"github.com/aether-es/aether/apps/tickets/pool"
)

// money fails unless so much is reserved at the provider, and ours.
func (w *world) money(reserved, have int64) {
	w.t.Helper()
	if r, h := w.provider.sums(); r != reserved || h != have {
		w.t.Errorf("reserved are %d and ours are %d, want %d and %d", r, h, reserved, have)
	}
}

// moveOn lets the clock go on until something that is tried again and again has happened.
func (w *world) moveOn(step time.Duration, what string, is func() bool) {
	w.t.Helper()
	w.until(what, func() bool {
		if is() {
			return true
		}
		w.clock.Advance(step)
		return false
	})
}

func TestPayment(t *testing.T) {
	w := newWorld(t, newLedger())
	jazz := w.create("Jazz", 10, nil)
	cart := w.claim(jazz, "ann", 2)
	paying := w.buy(cart, "ann", good)
	if c := paying.Claim; c.State != tickets.ClaimPaying || c.Amount != 10000 || !c.Until.Equal(noon.Add(pool.Paying)) {
		t.Errorf("buying: %+v", c)
	}
	w.state(cart, tickets.ClaimSold, tickets.MoneyCaptured)
	w.books(jazz, 0, 2)
	w.money(0, 10000)
	if again := w.buy(cart, "ann", good); again.Claim == nil || again.Claim.State != tickets.ClaimSold || w.provider.number() != 1 {
		t.Errorf("bought again: %+v, %d payments", again.Claim, w.provider.number())
	}
	w.do(http.StatusOK, "POST", "/claims/"+cart+"/refund", nil)
	w.state(cart, tickets.ClaimRefunded, tickets.MoneyRefunded)
	w.books(jazz, 0, 0)
	w.money(0, 0)
	if open := w.cases(); len(open) != 0 {
		t.Errorf("there are cases: %+v", open)
	}
}

// A payment that is declined is made again in another way, while the tickets are held.
func TestDeclined(t *testing.T) {
	w := newWorld(t, newLedger())
	jazz := w.create("Jazz", 10, nil)
	cart := w.claim(jazz, "ann", 2)
	w.buy(cart, "ann", poor)
	w.until("it is declined", func() bool { return w.look(cart).Declined == "insufficient_funds" })
	if d := w.look(cart); d.State != tickets.ClaimHeld || !d.Until.Equal(noon.Add(pool.Hold)) {
		t.Errorf("declined: %+v", d)
	}
	w.books(jazz, 2, 0)
	w.buy(cart, "ann", good)
	if d := w.state(cart, tickets.ClaimSold, tickets.MoneyCaptured); d.Declined != "" {
		t.Errorf("paid: %+v", d)
	}
	w.money(0, 10000)
}

// A time-out says nothing: the same key again tells that the amount is reserved, once.
func TestTimeOut(t *testing.T) {
	w := newWorld(t, newLedger())
	jazz := w.create("Jazz", 10, nil)
	for i, method := range []string{timesOut, away} {
		cart := w.claim(jazz, fmt.Sprint("customer ", i), 1)
		w.buy(cart, fmt.Sprint("customer ", i), method)
		w.moveOn(time.Second, "the payment is captured", func() bool { return w.look(cart).Payment == tickets.MoneyCaptured })
	}
	if n := w.provider.number(); n != 2 {
		t.Errorf("there are %d payments", n)
	}
	w.money(0, 10000)
	w.books(jazz, 0, 2)
}

// Where the provider never answers, it is asked what it knows.
func TestLookedUp(t *testing.T) {
	w := newWorld(t, newLedger())
	jazz := w.create("Jazz", 10, nil)
	cart := w.claim(jazz, "ann", 2)
	w.buy(cart, "ann", lost)
	w.moveOn(time.Second, "the payment is captured", func() bool { return w.look(cart).Payment == tickets.MoneyCaptured })
	w.money(0, 10000)
	w.books(jazz, 0, 2)
}

// What is authorised after the sale was stopped is let go, and the cart goes on.
func TestStoppedMeanwhile(t *testing.T) {
	w := newWorld(t, newLedger())
	jazz := w.create("Jazz", 10, nil)
	cart := w.claim(jazz, "ann", 2)
	w.buy(cart, "ann", slow)
	<-w.provider.waiting
	w.do(http.StatusOK, "POST", "/pools/"+jazz+"/stop", nil)
	close(w.provider.holding)
	w.until("it is held again", func() bool { return w.look(cart).State == tickets.ClaimHeld })
	w.until("nothing is reserved", func() bool { reserved, _ := w.provider.sums(); return reserved == 0 })
	w.money(0, 0)
	w.books(jazz, 2, 0)
	w.do(http.StatusOK, "POST", "/pools/"+jazz+"/resume", nil)
	w.buy(cart, "ann", good)
	w.state(cart, tickets.ClaimSold, tickets.MoneyCaptured)
	w.money(0, 10000)
}

// A payment without an outcome is given up in time; if one comes later, it is let go.
func TestTooLate(t *testing.T) {
	w := newWorld(t, newLedger())
	jazz := w.create("Jazz", 10, nil)
	cart := w.claim(jazz, "ann", 2)
	w.buy(cart, "ann", slow)
	<-w.provider.waiting
	w.clock.Advance(pool.Paying)
	w.state(cart, tickets.ClaimReleased, "")
	w.books(jazz, 0, 0)
	w.moveOn(time.Second, "the payment is let go", func() bool {
		reserved, _ := w.provider.sums()
		return w.provider.number() == 1 && reserved == 0
	})
	w.money(0, 0)
	w.books(jazz, 0, 0)
}

// A cancelled event gives all the money back, and holds nothing any more.
func TestCancel(t *testing.T) {
	w := newWorld(t, newLedger())
	jazz := w.create("Jazz", 20, nil)
	var bought []string
	for i := range 4 {
		cart := w.claim(jazz, fmt.Sprint("customer ", i), 2)
		w.buy(cart, fmt.Sprint("customer ", i), good)
		bought = append(bought, cart)
	}
	for _, cart := range bought {
		w.state(cart, tickets.ClaimSold, tickets.MoneyCaptured)
	}
	held, paying := w.claim(jazz, "ann", 3), w.claim(jazz, "bob", 1)
	w.buy(paying, "bob", slow)
	<-w.provider.waiting
	w.money(0, 40000)
	w.do(http.StatusOK, "POST", "/pools/"+jazz+"/cancel", fields{"reason": "rain"})
	for _, cart := range bought {
		w.state(cart, tickets.ClaimRefunded, tickets.MoneyRefunded)
	}
	if d := w.look(held); d.State != tickets.ClaimReleased || d.Reason != pool.IsCancelled {
		t.Errorf("what was held is %+v", d)
	}
	w.books(jazz, 1, 0) // the one whose payment has no outcome yet
	close(w.provider.holding)
	w.state(paying, tickets.ClaimReleased, "")
	w.until("nothing is reserved", func() bool { reserved, _ := w.provider.sums(); return reserved == 0 })
	w.money(0, 0)
	w.books(jazz, 0, 0)
	if d := w.pool(jazz); d.Reason != "rain" || d.Status != pool.Cancelled {
		t.Errorf("cancelled: %+v", d)
	}
}

// What the provider does not do is a case, which an operator has tried again or settles.
func TestCases(t *testing.T) {
	w := newWorld(t, newLedger())
	w.provider.set(w.provider.rejects, "capture", true)
	jazz := w.create("Jazz", 10, nil)
	one, two := w.claim(jazz, "ann", 1), w.claim(jazz, "bob", 2)
	w.buy(one, "ann", good)
	w.state(one, tickets.ClaimSold, tickets.MoneyFailed)
	w.buy(two, "bob", good)
	w.state(two, tickets.ClaimSold, tickets.MoneyFailed)
	open := w.cases()
	if len(open) != 2 || open[0].Claim != one || open[0].Action != "capture" || open[0].Amount != 5000 || open[0].State != "failed" || fmt.Sprint(open[0].Ways) != "[again done]" {
		t.Fatalf("the cases are %+v", open)
	}
	w.clock.Advance(time.Minute)
	w.settle(open[0], tickets.Again)
	w.until("it has failed again", func() bool { return len(w.cases()) == 2 && w.cases()[1].Claim == one })
	w.provider.set(w.provider.rejects, "capture", false)
	w.settle(w.cases()[1], tickets.Again)
	w.state(one, tickets.ClaimSold, tickets.MoneyCaptured)
	w.settle(open[1], tickets.Done)
	w.state(two, tickets.ClaimSold, tickets.MoneyCaptured)
	w.refused(tickets.NotOpen, "POST", "/cases/settle", fields{"id": open[1].ID, "way": tickets.Done, "by": "op"})
	w.refused(tickets.NotOpen, "POST", "/cases/settle", fields{"id": "effect/capture-payment/pool/x@1", "way": tickets.Look, "by": "op"})
	if status := w.ask("POST", "/cases/settle", fields{"id": open[1].ID, "way": tickets.NotDone, "by": "op"}, nil); status != http.StatusUnprocessableEntity {
		t.Errorf("a way that there is not: %d", status)
	}
	if open := w.cases(); len(open) != 0 {
		t.Errorf("there are cases still: %+v", open)
	}
	w.money(10000, 5000) // what was settled by hand is for the operator to take
}

// hook sends a webhook as the provider does.
func (w *world) hook(secret, id, payment, reference string) int {
	w.t.Helper()
	body := fmt.Sprintf(`{"id":%q,"object":"event","type":"charge.refunded","created":1,"data":{"object":{"object":"charge","payment_intent":%q,"metadata":{"reference":%q}}}}`, id, payment, reference)
	stamp := w.clock.Now().Unix()
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%d.%s", stamp, body)
	return w.ask("POST", "/payments/webhook", body, nil, "Stripe-Signature", fmt.Sprintf("t=%d,v1=%s", stamp, hex.EncodeToString(mac.Sum(nil))))
}

// A webhook is a hint, taken once: it has somebody look, and changes nothing by itself.
func TestWebhook(t *testing.T) {
	w := newWorld(t, newLedger())
	now := time.Now().Truncate(time.Second)
	w.clock.Set(now) // signatures are as old as the machine says
	jazz := w.create("Jazz", 10, fields{"eventDate": now.AddDate(0, 1, 0)})
	cart := w.claim(jazz, "ann", 1)
	w.buy(cart, "ann", good)
	w.state(cart, tickets.ClaimSold, tickets.MoneyCaptured)
	w.provider.set(w.provider.silent, "refund", true)
	w.do(http.StatusOK, "POST", "/claims/"+cart+"/refund", nil)
	w.until("the money is given back, which nobody is told", func() bool { _, have := w.provider.sums(); return have == 0 })
	w.provider.set(w.provider.silent, "get", true)
	w.moveOn(time.Hour, "nobody asks any more", func() bool {
		open := w.cases()
		return len(open) == 1 && open[0].State == "failed"
	})
	open := w.cases()[0]
	if open.Action != "refund" || open.Payment != "pi_1" || open.Claim != cart || open.Amount != 5000 {
		t.Errorf("the case is %+v", open)
	}
	w.clock.Set(now)
	if status := w.hook("whsec_other", "evt_1", "pi_1", ""); status != http.StatusForbidden {
		t.Errorf("not signed by the provider: %d", status)
	}
	if status := w.hook(webhookSecret, "evt_0", "pi_9", "something else"); status != http.StatusNoContent {
		t.Errorf("about something else: %d", status)
	}
	if len(w.cases()) != 1 {
		t.Error("a webhook about something else has settled the case")
	}
	w.provider.set(w.provider.silent, "get", false)
	for range 2 {
		if status := w.hook(webhookSecret, "evt_1", "pi_1", ""); status != http.StatusNoContent {
			t.Errorf("a webhook: %d", status)
		}
	}
	w.state(cart, tickets.ClaimRefunded, tickets.MoneyRefunded)
	if hooks := w.events("PaymentNotified"); hooks != 1 {
		t.Errorf("of 2 webhooks that are the same, and one about something else, %d were noted", hooks)
	}
	w.money(0, 0)
}

// A server that stops waits for the provider's answer, and records it.
func TestStopWhilePaying(t *testing.T) {
	w := newWorld(t, newLedger())
	jazz := w.create("Jazz", 10, nil)
	cart := w.claim(jazz, "ann", 2)
	w.buy(cart, "ann", slow)
	<-w.provider.waiting
	ended := make(chan struct{})
	go func() {
		w.stop()
		close(ended)
	}()
	w.until("no more requests are taken", func() bool {
		r, err := http.Get(w.url + "/healthz")
		if err == nil {
			_ = r.Body.Close()
		}
		return err != nil
	})
	close(w.provider.holding)
	<-ended
	w.start()
	w.state(cart, tickets.ClaimSold, tickets.MoneyCaptured)
	w.money(0, 10000)
	if n := w.provider.number(); n != 1 {
		t.Errorf("there are %d payments", n)
	}
}

// A payment that never arrived is a case, until it is so long ago that it cannot come any
// more. The tickets are given up in time.
func TestNeverArrived(t *testing.T) {
	w := newWorld(t, newLedger())
	jazz := w.create("Jazz", 10, nil)
	cart := w.claim(jazz, "ann", 2)
	w.buy(cart, "ann", vanished)
	w.moveOn(time.Minute, "it is a case", func() bool { return len(w.cases()) == 1 })
	open := w.cases()[0]
	if open.Action != "authorise" || open.Claim != cart || open.Amount != 10000 || fmt.Sprint(open.Ways) != "[look not-done]" {
		t.Errorf("the case is %+v", open)
	}
	w.refused(tickets.NotKnown, "POST", "/cases/settle", fields{"id": open.ID, "way": tickets.Look, "by": "op"})
	if d := w.state(cart, tickets.ClaimReleased, ""); d.Reason != pool.NotPaid {
		t.Errorf("the cart is %+v", d)
	}
	w.moveOn(time.Minute, "it is no case any more", func() bool { return len(w.cases()) == 0 })
	if late := w.clock.Now().Sub(noon); late < time.Hour {
		t.Errorf("it was given up after %v", late)
	}
	w.money(0, 0)
	w.books(jazz, 0, 0)

	// An operator may know earlier.
	cart = w.claim(jazz, "bob", 1)
	w.buy(cart, "bob", vanished)
	w.moveOn(time.Minute, "it is a case", func() bool { return len(w.cases()) == 1 })
	open = w.cases()[0]
	w.clock.Set(open.Since)
	w.refused(tickets.NotKnown, "POST", "/cases/settle", fields{"id": open.ID, "way": tickets.NotDone, "by": "op"})
	w.clock.Advance(2 * time.Minute) // by then the provider would know
	w.settle(open, tickets.NotDone)
	w.until("it is settled", func() bool { return len(w.cases()) == 0 })
}
