package paysim_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aether-es/aether/apps/tickets/paysim"
)

func TestSecretKey(t *testing.T) {
	s := start(t, paysim.Options{SecretKey: "sk_test_own"})
	for header, want := range map[string]int{
		"": 401, "Bearer sk_test_paysim": 401, "Bearer sk_test_ow": 401, "sk_test_own": 401, "Bearer sk_test_own": 404,
	} {
		r := httptest.NewRequest("GET", "/v1/payment_intents/pi_1", nil)
		r.Header.Set("Authorization", header)
		w := httptest.NewRecorder()
		if s.ServeHTTP(w, r); w.Code != want {
			t.Errorf("with %q the answer is %d, want %d", header, w.Code, want)
		}
	}
}

func TestRefused(t *testing.T) {
	s := start(t, paysim.Options{})
	p := authorised(t, s, "a1")
	before := s.Ledger().Payments
	const good = "amount=5000&currency=eur&"
	for _, test := range []struct {
		what, form  string
		status      int
		code, param string
	}{
		{create, "currency=eur", 400, "parameter_missing", "amount"},
		{create, "currency=eur&amount=x", 400, "parameter_invalid_integer", "amount"},
		{create, "currency=eur&amount=-5000", 400, "parameter_invalid_integer", "amount"},
		{create, "currency=eur&amount=49", 400, "amount_too_small", "amount"},
		{create, "currency=eur&amount=100000000", 400, "amount_too_large", "amount"},
		{create, "amount=5000", 400, "", "currency"},
		{create, "amount=5000&currency=euro", 400, "", "currency"},
		{create, good + "colour=red", 400, "parameter_unknown", "colour"},
		{create, good + "capture_method=never", 400, "", "capture_method"},
		{create, good + "confirm=maybe", 400, "", "confirm"},
		{create, good + "confirm=true", 400, "parameter_missing", "payment_method"},
		{create, good + "payment_method=pm_none", 400, "resource_missing", "payment_method"},
		{create, good + "payment_method=pm_sim_nothing", 400, "resource_missing", "payment_method"},
		{create, good + "expand[0]=customer", 400, "", "expand[0]"},
		{create, "%zz", 400, "", ""},
		{create, good + "description=" + strings.Repeat("x", 65<<10), 400, "", ""},
		{"POST /v1/payment_intents/pi_none/capture", "", 404, "resource_missing", "intent"},
		{"POST /v1/payment_intents/pi_none/confirm", "", 404, "resource_missing", "intent"},
		{"POST /v1/payment_intents/pi_none/cancel", "", 404, "resource_missing", "intent"},
		{"GET /v1/payment_intents/pi_none", "", 404, "resource_missing", "intent"},
		{"POST /v1/payment_intents/" + p.ID + "/capture", "amount_to_capture=5001", 400, "amount_too_large", "amount_to_capture"},
		{"POST /v1/payment_intents/" + p.ID + "/capture", "amount=5000", 400, "parameter_unknown", "amount"},
		{"POST /v1/payment_intents/" + p.ID + "/confirm", "", 400, "payment_intent_unexpected_state", ""},
		{"POST /v1/refunds", "", 400, "parameter_missing", "payment_intent"},
		{"POST /v1/refunds", "payment_intent=pi_none", 404, "resource_missing", "payment_intent"},
		{"POST /v1/refunds", "payment_intent=" + p.ID, 400, "payment_intent_unexpected_state", ""},
		{"GET /v1/payment_intents/search?query=status:'x'", "", 400, "", "query"},
		{"GET /v1/payment_intents/search?query=metadata%5B'a'%5D:%22b%22&limit=101", "", 400, "", "limit"},
		{"GET /v1/customers", "", 404, "", ""},
		{"DELETE /v1/payment_intents/" + p.ID, "", 404, "", ""},
	} {
		got := ask(t, s, test.what, "", test.form)
		if got.code != test.status || got.Error.Code != test.code || got.Error.Param != test.param || got.Error.Type != "invalid_request_error" || got.Error.Message == "" {
			t.Errorf("%s %.60s: got %d %+v, want %+v", test.what, test.form, got.code, got.Error, test)
		}
	}
	if after := s.Ledger().Payments; fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("what was refused has changed the payments: %+v, then %+v", before, after)
	}
}

func TestKeys(t *testing.T) {
	s := start(t, paysim.Options{})
	first := authorised(t, s, "k")
	if first.replayed {
		t.Error("the first answer says that it is none")
	}
	capture := "POST /v1/payment_intents/" + first.ID + "/capture"
	if got := ask(t, s, capture, "c", ""); got.Status != "succeeded" {
		t.Fatalf("captured: %+v", got)
	}
	if got := ask(t, s, create, "k", order("pm_card_visa")); !got.replayed || got.ID != first.ID || got.Status != "requires_capture" {
		t.Errorf("the second answer is not the first: %+v", got)
	}
	for _, test := range []struct{ what, form string }{
		{create, order("pm_card_mastercard")}, {create, ""}, {capture, order("pm_card_visa")},
	} {
		if got := ask(t, s, test.what, "k", test.form); got.code != http.StatusBadRequest || got.Error.Type != "idempotency_error" {
			t.Errorf("with another request the key gets %d %+v", got.code, got.Error)
		}
	}
	if got := ask(t, s, create, strings.Repeat("k", 256), order("pm_card_visa")); got.code != http.StatusBadRequest {
		t.Errorf("a long key gets %d", got.code)
	}

	// What is declined is executed, and remembered; what is wrong is neither.
	declined := ask(t, s, create, "d", order("pm_card_chargeDeclined"))
	again := ask(t, s, create, "d", order("pm_card_chargeDeclined"))
	if declined.code != http.StatusPaymentRequired || !again.replayed || again.Error.Intent.ID != declined.Error.Intent.ID {
		t.Errorf("declined: %+v, then %+v", declined, again)
	}
	if declined.Error.Type != "card_error" || declined.Error.Code != "card_declined" || declined.Error.DeclineCode != "generic_decline" {
		t.Errorf("declined: %+v", declined.Error)
	}
	if got := ask(t, s, create, "w", "amount=1"); got.code != http.StatusBadRequest {
		t.Errorf("wrong: %+v", got)
	}
	authorised(t, s, "w")
	if n := len(s.Ledger().Payments); n != 3 {
		t.Errorf("there are %d payments, want 3", n)
	}
}

// A key whose request is under way is not executed a second time.
func TestKeyInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, paysim.Options{Faults: paysim.Faults{Next: []paysim.Fault{paysim.Slow}, SlowMillis: 3_600_000}})
		var slow reply
		var wait sync.WaitGroup
		wait.Go(func() { slow = authorised(t, s, "k") })
		synctest.Wait()
		if got := ask(t, s, create, "k", order("pm_card_visa")); got.code != http.StatusConflict || got.Error.Code != "idempotency_key_in_use" {
			t.Errorf("meanwhile: %d %+v", got.code, got.Error)
		}
		wait.Wait()
		if got := authorised(t, s, "k"); got.ID != slow.ID || !got.replayed {
			t.Errorf("afterwards: %+v, want the payment %s", got, slow.ID)
		}
	})
}

// A payment in the two steps that package payment does in one.
func TestConfirm(t *testing.T) {
	s := start(t, paysim.Options{})
	p := ask(t, s, create, "", "amount=700&currency=EUR")
	if p.Status != "requires_payment_method" {
		t.Fatalf("created: %+v", p)
	}
	confirm := "POST /v1/payment_intents/" + p.ID + "/confirm"
	if got := ask(t, s, confirm, "", ""); got.code != http.StatusBadRequest {
		t.Errorf("confirmed without a method: %+v", got)
	}
	if got := ask(t, s, confirm, "", "payment_method=pm_card_chargeDeclinedLostCard"); got.Error.DeclineCode != "lost_card" || got.Error.Intent.Status != "requires_payment_method" {
		t.Errorf("confirmed with a lost card: %+v", got)
	}
	if got := s.Ledger().Payments[0]; got.Reason != "lost_card" || got.Authorised != 0 {
		t.Errorf("the ledger says %+v", got)
	}
	// Captured automatically.
	if got := ask(t, s, confirm, "", "payment_method=pm_card_visa"); got.Status != "succeeded" || got.AmountReceived != 700 {
		t.Errorf("confirmed: %+v", got)
	}
	if got := s.Ledger().Payments[0]; got.Reason != "" || got.Captured != 700 || got.Currency != "eur" {
		t.Errorf("the ledger says %+v", got)
	}
	if got := ask(t, s, create, "", "amount=700&currency=eur&payment_method=pm_card_visa"); got.Status != "requires_confirmation" {
		t.Errorf("created with a method: %+v", got)
	}
}

// However many do however much at the same time, the account is right.
func TestRush(t *testing.T) {
	s := start(t, paysim.Options{File: t.TempDir() + "/payments.jsonl"})
	var wait sync.WaitGroup
	for n := range 8 {
		wait.Go(func() {
			for i := range 20 {
				// Two of the eight share each key.
				key := fmt.Sprintf("%d-%d", n/2, i)
				p := ask(t, s, create, key, order("pm_card_visa"))
				if p.code == http.StatusConflict { // the other one is at it
					continue
				}
				var got reply
				switch i % 3 {
				case 0:
					got = ask(t, s, "POST /v1/payment_intents/"+p.ID+"/cancel", "x"+key, "")
				case 1:
					got = ask(t, s, "POST /v1/payment_intents/"+p.ID+"/capture", "c"+key, "")
				case 2:
					ask(t, s, "POST /v1/payment_intents/"+p.ID+"/capture", "c"+key, "")
					got = ask(t, s, "POST /v1/refunds", "r"+key, "payment_intent="+p.ID+"&amount=1000")
				}
				if got.code != http.StatusOK && got.code != http.StatusConflict && got.Error.Code != "payment_intent_unexpected_state" {
					t.Errorf("payment %s: %+v", key, got)
				}
			}
		})
	}
	wait.Wait()
	l := s.Ledger()
	if len(l.Payments) != 80 {
		t.Errorf("there are %d payments, want 80", len(l.Payments))
	}
	var sum paysim.Sums
	for _, p := range l.Payments {
		held := int64(0)
		if p.Status == "requires_capture" {
			held = p.Amount
		}
		if p.Authorised != p.Captured+p.Released+held || p.Refunded > p.Captured || p.Cancelled != (p.Status == "canceled") {
			t.Errorf("the account is wrong: %+v", p)
		}
		sum.Authorised += p.Authorised
		sum.Captured += p.Captured
		sum.Released += p.Released
		sum.Refunded += p.Refunded
	}
	if l.Totals["eur"] != sum {
		t.Errorf("the totals are %+v, the sums %+v", l.Totals, sum)
	}
}

// Search goes page by page, the newest first.
func TestSearch(t *testing.T) {
	s := start(t, paysim.Options{})
	var ids []string
	for i := range 5 {
		ids = append([]string{authorised(t, s, fmt.Sprint(i)).ID}, ids...)
	}
	var found []string
	page := ""
	for {
		got := ask(t, s, `GET /v1/payment_intents/search?query=metadata['reference']:%22pool/jazz+claim+1%22&limit=2`+page, "", "")
		for _, p := range got.Data {
			found = append(found, p.ID)
		}
		if !got.HasMore {
			break
		}
		page = "&page=" + got.NextPage
	}
	if fmt.Sprint(found) != fmt.Sprint(ids) {
		t.Errorf("found %v, want %v", found, ids)
	}
}

func TestClosed(t *testing.T) {
	s := start(t, paysim.Options{File: t.TempDir() + "/payments.jsonl"})
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := ask(t, s, create, "k", order("pm_card_visa")); got.code != http.StatusInternalServerError {
		t.Errorf("after Close: %+v", got)
	}
}

func TestSlowEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, paysim.Options{Seed: 3, Faults: paysim.Faults{Slow: 1, SlowMillis: 1000}})
		began := time.Now()
		authorised(t, s, "k")
		if took := time.Since(began); took == 0 || took > time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
