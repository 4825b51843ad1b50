package paysim_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/aether-es/aether/apps/tickets/paysim"
)

// start returns a provider that says nothing, and is closed with the test.
func start(t *testing.T, options paysim.Options) *paysim.Server {
	t.Helper()
	options.Logger = slog.New(slog.DiscardHandler)
	s, err := paysim.New(&options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// reply is an answer of the API.
type reply struct {
	code     int
	replayed bool

	ID             string
	Status         string
	Amount         int64
	AmountReceived int64 `json:"amount_received"`
	Metadata       map[string]string
	Data           []reply
	HasMore        bool   `json:"has_more"`
	NextPage       string `json:"next_page"`
	Error          struct {
		Type, Code, Message, Param string
		DeclineCode                string `json:"decline_code"`
		Intent                     *reply `json:"payment_intent"`
	}
}

// ask makes a request: "POST /v1/refunds", "amount=5&…".
func ask(t testing.TB, s http.Handler, what, key, form string) reply {
	t.Helper()
	method, path, _ := strings.Cut(what, " ")
	r := httptest.NewRequest(method, path, strings.NewReader(form))
	r.Header.Set("Authorization", "Bearer "+paysim.SecretKey)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	var got reply
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatalf("%s %s: %v: %s", what, form, err, w.Body)
	}
	got.code, got.replayed = w.Code, w.Header().Get("Idempotent-Replayed") == "true"
	return got
}

// order is the form of a payment that is authorised at once.
func order(method string) string {
	return url.Values{
		"amount": {"5000"}, "currency": {"eur"}, "capture_method": {"manual"}, "confirm": {"true"},
		"payment_method": {method}, "metadata[reference]": {"pool/jazz claim 1"},
	}.Encode()
}

const create = "POST /v1/payment_intents"

// authorised makes a payment.
func authorised(t testing.TB, s http.Handler, key string) reply {
	t.Helper()
	p := ask(t, s, create, key, order("pm_card_visa"))
	if p.code != http.StatusOK || p.Status != "requires_capture" {
		t.Fatalf("it is not authorised: %+v", p)
	}
	return p
}
