package chaos

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/tickets"
	"github.com/aether-es/aether/apps/tickets/payment"
	"github.com/aether-es/aether/apps/tickets/paysim"
	"github.com/aether-es/aether/apps/tickets/pool"
	"github.com/aether-es/aether/apps/tickets/simulate"
)

// rushesFlag is for `make rushes`: the test command sends a few.
var rushesFlag = flag.Int("rushes", 0, "how many rushes TestRushes sends; as many as take some seconds when 0")

// atOnce is how many rushes go on at a time, each to a pool of its own.
const atOnce = 8

// patience is how long customers, promoters and the audit put up with a server that was
// killed, and with payments under way.
const patience = 2 * time.Minute

// sale is a server that sells tickets and the provider that takes the money, which are
// processes of their own.
type sale struct {
	t                *testing.T
	random           *rand.Rand
	server, provider *process
	url, ledger      string
	client, ops      *simulate.Client
	kills            int

	mu                                sync.Mutex
	held, customers, sold, unanswered int // what there was: rushes that held, and in them
}

func newSale(t *testing.T) *sale {
	dir, at, sim := t.TempDir(), addresses.free(t), addresses.free(t)
	s := &sale{t: t, random: random(t), url: "http://" + at, ledger: "http://" + sim}
	key, webhook := filepath.Join(dir, "key"), filepath.Join(dir, "webhook")
	for file, secret := range map[string]string{key: paysim.SecretKey, webhook: paysim.WebhookSecret} {
		if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.provider = newProcess(t, "paysim", "paysim", "--listen", sim, "--file", filepath.Join(dir, "paysim.jsonl"), "--webhook", s.url+tickets.WebhookPath)
	s.server = newProcess(t, "serve", "serve", "--listen", at, "--data", filepath.Join(dir, "data"), "--wait", "10s",
		"--payments-key-file", key, "--payments-webhook-file", webhook, "--payments-url", s.ledger)
	s.client = simulate.NewClient(s.url, "", 16, patience)
	s.ops = simulate.NewClient(s.ledger, "", 4, patience)
	t.Cleanup(s.client.Close)
	t.Cleanup(s.ops.Close)
	s.provider.start()
	s.server.start()
	s.ask(http.StatusOK, s.client, http.MethodGet, "/readyz", nil, nil)
	return s
}

// ask makes a request, again and again until it is answered, with what it should.
func (s *sale) ask(status int, client *simulate.Client, method, path string, body, into any) simulate.Answer {
	s.t.Helper()
	answer, err := client.Do(s.t.Context(), simulate.Request{Step: "test", Method: method, Path: path, Key: fmt.Sprint("test-", rand.Uint64()), Body: body}, into)
	if err != nil && s.t.Context().Err() == nil {
		s.t.Errorf("%s %s: %v", method, path, err)
	} else if status != 0 && answer.Status != status {
		s.t.Errorf("%s %s is answered with %s, want %d", method, path, answer.Text(), status)
	}
	return answer
}

// open makes a pool, and returns its ID.
func (s *sale) open(capacity int, paid pool.Payment, rise int) string {
	s.t.Helper()
	var d tickets.CommandDocument
	s.ask(http.StatusCreated, s.client, http.MethodPost, "/api/tickets/pools", map[string]any{
		"name": fmt.Sprint("Rush ", rand.Uint64()), "capacity": capacity, "price": map[string]any{"amount": 5000, "currency": "EUR"},
		"pricing": map[string]any{"rise": rise}, "eventDate": time.Now().UTC().AddDate(0, 1, 0).Truncate(time.Second), "payment": paid,
	}, &d)
	if d.ID == "" {
		s.t.FailNow()
	}
	s.ask(http.StatusOK, s.client, http.MethodGet, fmt.Sprintf("/api/tickets/pools/%s?after=%d", d.ID, d.Position), nil, nil)
	return d.ID
}

// trouble has some requests to the provider go wrong, and its webhooks come twice, late or
// not at all.
func (s *sale) trouble() {
	much := s.random.Float64()
	s.ask(http.StatusOK, s.ops, http.MethodPut, "/sim/faults", paysim.Faults{
		Lose: 0.03 * much, Timeout: 0.05 * much, Cut: 0.05 * much, Fail: 0.05 * much, Break: 0.05 * much, Slow: 0.1 * much,
		HangMillis: 150, SlowMillis: 300, SearchMillis: 50, WebhookTwice: 0.4 * much, WebhookLost: 0.3 * much, WebhookLate: 0.4 * much, WebhookLateMillis: 1000,
	}, nil)
}

// killSome kills the server at some moment, and perhaps the provider, and starts them
// again, a few times.
func (s *sale) killSome() {
	for range 1 + s.random.IntN(3) {
		pause(s.t.Context(), time.Duration(s.random.IntN(300_000))*time.Microsecond)
		both := s.random.IntN(4) == 0
		if s.server.kill(); both {
			s.provider.kill()
			s.provider.start()
			s.trouble() // it has forgotten that
		}
		s.kills++
		s.server.start()
		s.ask(http.StatusOK, s.client, http.MethodGet, "/readyz", nil, nil)
	}
}

// round sends some rushes at once, breaks what it can meanwhile, and audits.
func (s *sale) round(rushes int) {
	s.trouble()
	var all sync.WaitGroup
	for range rushes {
		r := rand.New(rand.NewPCG(s.random.Uint64(), 0))
		paid := pool.Online
		if r.IntN(6) == 0 {
			paid = pool.Door
		}
		id := s.open(2+r.IntN(40), paid, r.IntN(2)*r.IntN(3000))
		all.Go(func() { s.rush(id, r) })
	}
	s.killSome()
	all.Wait()
}

// promote is what the promoter of a pool does while it is rushed.
func (s *sale) promote(id string, r *rand.Rand) {
	pause(s.t.Context(), time.Duration(r.IntN(500))*time.Millisecond)
	path := "/api/tickets/pools/" + id
	switch r.IntN(8) {
	case 0, 1:
		s.ask(http.StatusOK, s.client, http.MethodPost, path+"/stop", nil, nil)
		pause(s.t.Context(), time.Duration(r.IntN(300))*time.Millisecond)
		s.ask(http.StatusOK, s.client, http.MethodPost, path+"/resume", nil, nil)
	case 2:
		s.ask(http.StatusOK, s.client, http.MethodPut, path+"/pricing", map[string]any{"base": 4000 + r.IntN(3000)}, nil)
	case 3:
		s.ask(http.StatusOK, s.client, http.MethodPost, path+"/cancel", map[string]any{"reason": "the band is ill"}, nil)
	}
}

// rush sends a rush to a pool; then sells what is left of it, to the last ticket, perhaps
// refunds all, and looks whether money and tickets agree each time.
func (s *sale) rush(id string, r *rand.Rand) {
	o := simulate.Options{URL: s.url, Ledger: s.ledger, Pool: id, Customers: 5 + r.IntN(60), Concurrent: 8, Seed: r.Uint64(), Patience: patience, Settle: patience}
	promoter := rand.New(rand.NewPCG(r.Uint64(), 0))
	var promoted sync.WaitGroup
	promoted.Go(func() { s.promote(id, promoter) })
	rushed := s.audited(o)
	promoted.Wait()
	customers := o.Customers
	o.Customers = 0
	first := s.audited(o)
	if rushed == nil || first == nil {
		return
	}
	left := 0
	if first.Status == pool.Open {
		for s.sell(id, fmt.Sprint("late-", left)) {
			left++
		}
		if left != first.Available {
			s.t.Errorf("pool %s: %d tickets were available, and %d could be bought", id, first.Available, left)
		}
		if r.IntN(3) == 0 {
			s.ask(http.StatusOK, s.client, http.MethodPost, "/api/tickets/pools/"+id+"/cancel", nil, nil)
		}
	}
	last := s.audited(o)
	if last == nil {
		return
	}
	if last.Status == pool.Cancelled && last.Sold+last.Held > 0 || last.Status == pool.Open && last.Available > 0 {
		s.t.Errorf("pool %s is %s in the end, with %d sold, %d held and %d available", id, last.Status, last.Sold, last.Held, last.Available)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held++
	s.customers += customers
	s.sold += last.Sold
	for _, n := range rushed.Unanswered {
		s.unanswered += n
	}
}

// audited runs a rush and returns its report, nil when there is something wrong.
func (s *sale) audited(o simulate.Options) *simulate.Report {
	report, err := simulate.Run(s.t.Context(), o)
	if err != nil {
		s.t.Errorf("pool %s: %v", o.Pool, err)
		return nil
	}
	for _, problem := range report.Problems {
		s.t.Errorf("pool %s: %s", o.Pool, problem)
	}
	if len(report.Problems) > 0 {
		return nil
	}
	return report
}

// sell sells a ticket to somebody, and returns false when there is none.
func (s *sale) sell(id, customer string) bool {
	var d tickets.CommandDocument
	claim := map[string]any{"customer": customer, "quantity": 1, "priceSeen": 1_000_000}
	answer := s.ask(0, s.client, http.MethodPost, "/api/tickets/pools/"+id+"/claims", claim, &d)
	if answer.Status != http.StatusCreated {
		if answer.Reason != pool.SoldOut {
			s.t.Errorf("pool %s: a claim is answered with %s", id, answer.Text())
		}
		return false
	}
	s.ask(http.StatusOK, s.client, http.MethodPost, "/api/tickets/claims/"+d.ID+"/buy", map[string]any{"customer": customer, "method": "pm_card_visa"}, nil)
	return true
}

// cases returns the payments that somebody must see to.
func (s *sale) cases() []tickets.CaseDocument {
	var d struct{ Cases []tickets.CaseDocument }
	s.ask(http.StatusOK, s.client, http.MethodGet, "/api/tickets/cases", nil, &d)
	return d.Cases
}

// settle settles a case in a way, and returns the status that it is answered with.
func (s *sale) settle(id, way string) int {
	return s.ask(0, s.client, http.MethodPost, "/api/tickets/cases/settle", map[string]any{"id": id, "way": way, "by": "the test"}, nil).Status
}

// until waits until something is so.
func (s *sale) until(what string, is func() bool) {
	s.t.Helper()
	for end := time.Now().Add(patience); !is(); {
		if time.Now().After(end) || !pause(s.t.Context(), 20*time.Millisecond) {
			s.t.Fatalf("it never comes to this: %s", what)
		}
	}
}

// Rushes, with kills of the server at any moment and a provider that times out, fails,
// delays and duplicates: money and tickets agree in the end, every ticket can be sold, and
// nothing is open that cannot be settled.
func TestRushes(t *testing.T) {
	t.Parallel()
	s := newSale(t)
	rushes := *rushesFlag
	if rushes == 0 {
		rushes = atOnce
	}
	for sent := 0; sent < rushes && !t.Failed(); sent += atOnce {
		s.round(min(atOnce, rushes-sent))
		t.Logf("%d of %d rushes held, with %d kills: %d customers, %d tickets sold, %d times no answer", s.held, rushes, s.kills, s.customers, s.sold, s.unanswered)
	}
	s.ask(http.StatusOK, s.ops, http.MethodPut, "/sim/faults", paysim.Faults{}, nil)
	s.until("no case is open", func() bool {
		open := s.cases()
		for _, c := range open {
			t.Logf("a case: %+v", c)
			s.settle(c.ID, c.Ways[0])
		}
		return len(open) == 0
	})
}

// A payment that is cancelled at the provider, behind our back, cannot be captured. That
// is a case, also after the server was killed, and its buttons settle it.
func TestCases(t *testing.T) {
	t.Parallel()
	s := newSale(t)
	provider, err := payment.New(paysim.SecretKey, &payment.Options{URL: s.ledger})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(provider.Close)
	id := s.open(4, pool.Online, 0)
	for i := 0; len(s.cases()) == 0; i++ {
		if i == 4 {
			t.Fatal("the provider captures what was cancelled")
		}
		s.ask(http.StatusOK, s.ops, http.MethodPut, "/sim/faults", paysim.Faults{Next: append([]paysim.Fault{""}, slices.Repeat([]paysim.Fault{paysim.Fail}, 50)...)}, nil)
		s.sell(id, fmt.Sprint("customer-", i))
		var reserved paysim.LedgerPayment
		s.until("a payment is authorised", func() bool {
			var l paysim.Ledger
			s.ask(http.StatusOK, s.ops, http.MethodGet, "/sim/ledger", nil, &l)
			if len(l.Payments) > 0 {
				reserved = l.Payments[len(l.Payments)-1]
			}
			return len(l.Payments) == i+1 && reserved.Authorised > 0
		})
		s.ask(http.StatusOK, s.ops, http.MethodPut, "/sim/faults", paysim.Faults{}, nil)
		_, err := provider.Cancel(t.Context(), fmt.Sprint("behind our back ", i), reserved.ID)
		t.Logf("payment %s is cancelled: %v", reserved.ID, err)
		s.until("the payment is a case, or was captured before", func() bool { return err != nil || len(s.cases()) > 0 })
	}
	s.server.kill()
	s.server.start()
	open := s.cases()
	if len(open) != 1 || open[0].Action != string(tickets.Capture) || open[0].State != "failed" || !slices.Equal(open[0].Ways, []string{tickets.Again, tickets.Done}) {
		t.Fatalf("the cases are %+v", open)
	}
	if got := s.settle(open[0].ID, tickets.Again); got != http.StatusNoContent {
		t.Errorf("again is answered with %d", got)
	}
	s.until("the provider has said no again", func() bool {
		now := s.cases()
		return len(now) == 1 && now[0].Since.After(open[0].Since)
	})
	for _, want := range []int{http.StatusNoContent, http.StatusNotFound} {
		if got := s.settle(open[0].ID, tickets.Done); got != want {
			t.Errorf("done is answered with %d, want %d", got, want)
		}
	}
	s.until("no case is open", func() bool { return len(s.cases()) == 0 })
	s.audited(simulate.Options{URL: s.url, Ledger: s.ledger, Pool: id})
}
