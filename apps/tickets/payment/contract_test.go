package payment_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/aether-es/aether/apps/tickets/payment"
	"github.com/aether-es/aether/apps/tickets/paysim"
	"github.com/stripe/stripe-mock/embedded"
	"github.com/stripe/stripe-mock/server"
	"github.com/stripe/stripe-mock/spec"
)

// exchange is a request to the provider, and its answer.
type exchange struct {
	request *http.Request
	sent    []byte
	status  int
	answer  []byte
}

// recorder passes requests on and notes them.
type recorder struct {
	next http.Handler

	mu        sync.Mutex
	exchanges []exchange
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	sent, err := io.ReadAll(request.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	request.Body = io.NopCloser(bytes.NewReader(sent))
	answer := httptest.NewRecorder()
	r.next.ServeHTTP(answer, request)
	r.mu.Lock()
	r.exchanges = append(r.exchanges, exchange{request, sent, answer.Code, answer.Body.Bytes()})
	r.mu.Unlock()
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// The same requests to Stripe's own mock, which knows the parameters of the real API
// and forgets everything: it must understand all of them. And what the stand-in answers
// has no field that the mock, with the fields of the real API, does not have.
func TestContract(t *testing.T) {
	sim, err := paysim.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	r := &recorder{next: sim}
	c := client(t, r)
	p := authorise(t, c, "a1")
	for name, call := range map[string]func() (payment.Payment, error){
		"capture": func() (payment.Payment, error) { return c.Capture(t.Context(), "c1", p.ID, 5000) },
		"cancel":  func() (payment.Payment, error) { return c.Cancel(t.Context(), "x1", authorise(t, c, "a2").ID) },
		"get":     func() (payment.Payment, error) { return c.Get(t.Context(), p.ID) },
	} {
		if _, err := call(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if _, err := c.Refund(t.Context(), "r1", p.ID, 5000); err != nil {
		t.Fatal(err)
	}
	if _, found, err := c.Find(t.Context(), order().Reference); !found || err != nil {
		t.Fatalf("not found: %v", err)
	}

	mock := mock(t)
	for _, e := range r.exchanges {
		t.Run(e.request.Method+" "+e.request.URL.Path, func(t *testing.T) {
			request := httptest.NewRequest(e.request.Method, e.request.URL.String(), bytes.NewReader(e.sent))
			request.Header = e.request.Header
			answer := httptest.NewRecorder()
			mock.ServeHTTP(answer, request)
			if answer.Code != http.StatusOK || e.status != http.StatusOK {
				t.Fatalf("%s is answered with %d by the mock, %d by the stand-in: %s", e.sent, answer.Code, e.status, answer.Body)
			}
			var ours, theirs any
			if err := json.Unmarshal(e.answer, &ours); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(answer.Body.Bytes(), &theirs); err != nil {
				t.Fatal(err)
			}
			compare(t, "", ours, theirs)
		})
	}

	// The mock does refuse what the API does not know.
	request := httptest.NewRequest("POST", "/v1/payment_intents", bytes.NewBufferString("amount=5000&currency=eur&no_such_parameter=1"))
	request.Header = r.exchanges[0].request.Header
	answer := httptest.NewRecorder()
	if mock.ServeHTTP(answer, request); answer.Code != http.StatusBadRequest {
		t.Errorf("the mock takes anything: %d %s", answer.Code, answer.Body)
	}
}

// mock is Stripe's mock, with the paths that we use.
func mock(t *testing.T) http.Handler {
	t.Helper()
	api, err := server.LoadSpec(embedded.OpenAPISpec, "")
	if err != nil {
		t.Fatal(err)
	}
	fixtures, err := server.LoadFixtures(embedded.OpenAPIFixtures, "")
	if err != nil {
		t.Fatal(err)
	}
	used := []spec.Path{
		"/v1/payment_intents", "/v1/payment_intents/search", "/v1/payment_intents/{intent}",
		"/v1/payment_intents/{intent}/capture", "/v1/payment_intents/{intent}/cancel", "/v1/refunds",
	}
	for path := range api.Paths {
		if !slices.Contains(used, path) {
			delete(api.Paths, path)
		}
	}
	stub, err := server.NewStubServer(fixtures, api, false, false)
	if err != nil {
		t.Fatal(err)
	}
	return http.HandlerFunc(stub.HandleRequest)
}

// compare reports the fields of our answer that theirs has not, or with values of
// another kind.
func compare(t *testing.T, path string, ours, theirs any) {
	switch ours := ours.(type) {
	case map[string]any:
		if _, ok := theirs.(string); ok && path != "" {
			return // the mock does not expand it, and has its ID
		}
		theirs, ok := theirs.(map[string]any)
		if !ok {
			t.Fatalf("%s is an object, which it is not with the mock", path)
		}
		for name, value := range ours {
			their, known := theirs[name]
			if !known {
				t.Errorf("%s.%s is not known to the mock", path, name)
			} else if name != "metadata" && value != nil && their != nil {
				compare(t, path+"."+name, value, their)
			}
		}
	case []any:
		theirs, ok := theirs.([]any)
		if !ok {
			t.Errorf("%s is a list, which it is not with the mock", path)
		}
		for i := range min(len(ours), len(theirs)) {
			compare(t, path+"[]", ours[i], theirs[i])
		}
	case string:
		if _, ok := theirs.(string); !ok {
			t.Errorf("%s is %q, and %v with the mock", path, ours, theirs)
		}
	case float64:
		if _, ok := theirs.(float64); !ok {
			t.Errorf("%s is %v, and %v with the mock", path, ours, theirs)
		}
	case bool:
		if _, ok := theirs.(bool); !ok {
			t.Errorf("%s is %v, and %v with the mock", path, ours, theirs)
		}
	}
}
