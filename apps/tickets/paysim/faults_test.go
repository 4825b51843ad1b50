package paysim_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aether-es/aether/apps/tickets/paysim"
)

// cut asks, and reports whether the connection was cut instead of an answer, after how
// long.
func cut(t testing.TB, ctx context.Context, s http.Handler, key string) (was bool, after time.Duration) {
	t.Helper()
	began := time.Now()
	defer func() {
		after = time.Since(began)
		if value := recover(); value != nil {
			err, ok := value.(error)
			if was = ok && errors.Is(err, http.ErrAbortHandler); !was {
				panic(value)
			}
		}
	}()
	r := httptest.NewRequestWithContext(ctx, "POST", "/v1/payment_intents", strings.NewReader(order("pm_card_visa")))
	r.Header.Set("Authorization", "Bearer "+paysim.SecretKey)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Idempotency-Key", key)
	s.ServeHTTP(httptest.NewRecorder(), r)
	return false, 0
}

func TestHeld(t *testing.T) {
	for _, test := range []struct {
		fault    paysim.Fault
		millis   int
		after    time.Duration
		executed int
	}{
		{paysim.Lose, 0, time.Minute, 0},
		{paysim.Lose, 100, 100 * time.Millisecond, 0},
		{paysim.Timeout, 0, time.Minute, 1},
		{paysim.Cut, 0, 0, 1},
	} {
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t, paysim.Options{Faults: paysim.Faults{Next: []paysim.Fault{test.fault}, HangMillis: test.millis}})
				if was, after := cut(t, t.Context(), s, "k"); !was || after != test.after {
					t.Errorf("cut: %v, after %v, want %v", was, after, test.after)
				}
				if n := len(s.Ledger().Payments); n != test.executed {
					t.Errorf("there are %d payments, want %d", n, test.executed)
				}
				if authorised(t, s, "k"); len(s.Ledger().Payments) != 1 {
					t.Errorf("then there are %d payments, want 1", len(s.Ledger().Payments))
				}
			})
		})
	}
}

// A request is not held longer than there is somebody who waits, or a provider.
func TestHeldNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, paysim.Options{Faults: paysim.Faults{Lose: 1}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if was, after := cut(t, ctx, s, "k1"); !was || after != time.Second {
			t.Errorf("the client is gone: cut %v, after %v", was, after)
		}
		time.AfterFunc(2*time.Second, func() { _ = s.Close() })
		if was, after := cut(t, t.Context(), s, "k2"); !was || after != 2*time.Second {
			t.Errorf("the provider is closed: cut %v, after %v", was, after)
		}
	})
}

// Shares come true as often as they say, and for one seed in the same places.
func TestShares(t *testing.T) {
	failed := func(seed uint64) (places string, n int) {
		s := start(t, paysim.Options{Seed: seed, Faults: paysim.Faults{Fail: 0.25, Break: 0.25}})
		for i := range 400 {
			got := ask(t, s, create, fmt.Sprint(i), order("pm_card_visa"))
			places += fmt.Sprint(got.code, " ")
			if got.code == http.StatusInternalServerError {
				n++
			}
		}
		// Of the failed ones those that "break" are executed.
		if executed := len(s.Ledger().Payments) - (400 - n); executed < 70 || executed > 130 {
			t.Errorf("of 400 requests, %d were executed and failed", executed)
		}
		return places, n
	}
	first, n := failed(1)
	if n < 150 || n > 210 { // one in four, and a fourth of the others
		t.Errorf("%d of 400 have failed", n)
	}
	if again, _ := failed(1); again != first {
		t.Error("the same seed leads to other faults")
	}
	if other, _ := failed(2); other == first {
		t.Error("another seed leads to the same faults")
	}
}

func put(s http.Handler, kind, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("PUT", "/sim/faults", strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestPutFaults(t *testing.T) {
	s := start(t, paysim.Options{})
	want := paysim.Faults{Next: []paysim.Fault{paysim.Cut, ""}, Timeout: 0.5, HangMillis: 20}
	if w := put(s, "application/json; charset=utf-8", `{"next":["cut",""],"timeout":0.5,"hangMillis":20}`); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if got := s.Faults(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, test := range []struct{ kind, body, problem string }{
		{"application/json", `{"timeout":1.5}`, "1.5"},
		{"application/json", `{"slow":-0.1}`, "-0.1"},
		{"application/json", `{"webhookLate":2}`, "2"},
		{"application/json", `{"hangMillis":-1}`, "-1"},
		{"application/json", `{"slowMillis":99999999}`, "99999999"},
		{"application/json", `{"next":["burn"]}`, "burn"},
		{"application/json", `{"tiemout":1}`, "tiemout"},
		{"application/json", `{} {}`, "more than one"},
		{"application/json", `[]`, "array"},
		{"text/plain", `{}`, "content type"},
	} {
		w := put(s, test.kind, test.body)
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), test.problem) {
			t.Errorf("%s: got %d %s, want %q", test.body, w.Code, w.Body, test.problem)
		}
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("GET", "/sim/faults", nil))
	var got paysim.Faults
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("what was wrong has changed something: %s, %v", w.Body, err)
	}
	if w := put(s, "application/json", `{}`); w.Code != http.StatusOK || !reflect.DeepEqual(s.Faults(), paysim.Faults{}) {
		t.Errorf("they are not taken back: %d %s", w.Code, w.Body)
	}
	if _, err := paysim.New(&paysim.Options{Faults: paysim.Faults{Lose: 2}}); err == nil {
		t.Error("a provider begins with impossible faults")
	}
}
