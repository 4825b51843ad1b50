package paysim_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/tickets/paysim"
)

func TestRun(t *testing.T) {
	e := &endpoint{t: t, secret: paysim.WebhookSecret, told: make(chan string, 2)}
	s := start(t, paysim.Options{Webhook: "http://127.0.0.1:1/hook", Client: &http.Client{Transport: e}})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, listener) }()
	url := "http://" + listener.Addr().String()
	answer, err := http.Get(url + "/sim/ledger")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || !strings.Contains(string(text), `"payments": []`) {
		t.Errorf("the ledger: %s %s, %v", answer.Status, text, err)
	}
	if err := answer.Body.Close(); err != nil {
		t.Error(err)
	}

	// A request that is held does not hold the end up.
	if err := s.SetFaults(paysim.Faults{Timeout: 1, HangMillis: 3_600_000}); err != nil {
		t.Fatal(err)
	}
	held := make(chan error, 1)
	go func() {
		r, err := http.NewRequest("POST", url+"/v1/payment_intents", strings.NewReader(order("pm_card_visa")))
		if err != nil {
			held <- err
			return
		}
		r.Header.Set("Authorization", "Bearer "+paysim.SecretKey)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		answer, err := http.DefaultClient.Do(r)
		if err == nil {
			_ = answer.Body.Close()
		}
		held <- err
	}()
	<-e.told // it is executed
	stop()
	stopped := time.Now()
	if err := <-held; err == nil {
		t.Error("the request that is held is answered")
	}
	if err := <-ended; err != nil {
		t.Errorf("it ends with %v", err)
	}
	if took := time.Since(stopped); took > 4*time.Second {
		t.Errorf("it ends after %v", took)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestRunLoopbackOnly(t *testing.T) {
	s := start(t, paysim.Options{})
	listener, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
	defer stop()
	if err := s.Run(ctx, listener); err == nil || !strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("the error is %v", err)
	}
}

func TestPage(t *testing.T) {
	s := start(t, paysim.Options{
		Webhook: "http://127.0.0.1:1/hook", Client: &http.Client{Transport: &endpoint{t: t, secret: paysim.WebhookSecret}},
	})
	get := func(path string, want int, texts ...string) {
		t.Helper()
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != want {
			t.Errorf("%s is answered with %d, want %d", path, w.Code, want)
		}
		for _, text := range texts {
			if !strings.Contains(w.Body.String(), text) {
				t.Errorf("%s has no %q:\n%s", path, text, w.Body)
			}
		}
		if policy := w.Header().Get("Content-Security-Policy"); path == "/" && !strings.Contains(policy, "default-src 'none'") {
			t.Errorf("the policy is %q", policy)
		}
	}
	get("/", 200, "Nothing.", "None yet.", "http://127.0.0.1:1/hook")
	if err := s.SetFaults(paysim.Faults{Slow: 0.25, SlowMillis: 1}); err != nil {
		t.Fatal(err)
	}
	ask(t, s, create, "", strings.Replace(order("pm_card_visa"), "jazz", "%3Cb%3Ejazz", 1))
	ask(t, s, create, "", order("pm_card_chargeDeclined"))
	get("/", 200, "slow: 0.25", "slowMillis: 1", "pool/&lt;b&gt;jazz", "requires_capture", "generic_decline", "EUR", ">5000<", "2 in all.")
	for range 200 {
		ask(t, s, create, "", "amount=500&currency=usd")
	}
	get("/", 200, "The last 200 of 202.", "USD", ">5000<")
	get("/nowhere", 404)
	get("/sim/ledger", 200, `"reason": "generic_decline"`)
}
