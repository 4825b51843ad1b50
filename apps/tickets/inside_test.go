package tickets

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/tickets/pool"
	"github.com/aether-es/aether/schema/schematest"
)

var evening = time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)

// busy is a pool with claims in all states.
func busy(t testing.TB, claims int, payment pool.Payment) *pool.Pool {
	t.Helper()
	p := pool.Initial("pool/x")
	random := rand.New(rand.NewPCG(1, 2))
	at := evening
	do := func(c pool.Command) {
		t.Helper()
		events, err := pool.Decide(p, c)
		if err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		for _, e := range events {
			p = pool.Evolve(p, e)
		}
	}
	do(pool.Create{
		Name: "Jazz", Capacity: 4 * claims, Rule: pool.Rule{Base: 5000, Rise: 700, Steps: []pool.Step{{Percent: 50, Change: 100}}}, Currency: "EUR",
		EventDate: evening.AddDate(0, 1, 0), Payment: payment, Room: &pool.Room{OpensAt: evening, PerMinute: 100}, Secret: []byte("secret"), At: at,
	})
	do(pool.JoinRoom{Customer: "zoe", At: at})
	do(pool.CloseRoom{At: at})
	for i := range claims {
		at = at.Add(time.Duration(random.IntN(1000)) * time.Microsecond)
		customer := fmt.Sprintf("customer-%06d", i)
		do(pool.ClaimTickets{Customer: customer, Quantity: 1 + i%4, PriceSeen: 1 << 20, At: at})
		n := p.LastClaim
		switch random.IntN(10) {
		case 0:
			do(pool.GiveBack{Claim: n, Customer: customer, At: at})
		case 1:
		default:
			do(pool.Buy{Claim: n, Customer: customer, Method: "card", At: at})
			if payment == pool.Online && i%7 > 0 {
				do(pool.Authorised{Claim: n, Attempt: 1, Payment: fmt.Sprintf("pi_%016x", random.Uint64()), Amount: 1, At: at})
			}
			if c := p.Claims[n]; c.IsSold() && i%5 == 0 {
				do(pool.CheckIn{Ticket: c.Tickets[0], Claim: n, At: at})
			}
		}
	}
	return p
}

// A pool comes out of its snapshot as it went in, and goes on in the same way.
func TestSnapshots(t *testing.T) {
	for _, p := range []*pool.Pool{pool.Initial("pool/x"), busy(t, 300, pool.Door), busy(t, 300, pool.Online)} {
		data, err := encodePool(p)
		if err != nil {
			t.Fatal(err)
		}
		again, err := decodePool(data)
		if err != nil {
			t.Fatal(err)
		}
		if again.Free == nil {
			again.Free = p.Free
		}
		if !reflect.DeepEqual(p, again) {
			a, _ := json.Marshal(p)
			b, _ := json.Marshal(again)
			t.Errorf("in went\n%.2000s\nout came\n%.2000s", a, b)
		}
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Claims) > 0 && len(data)*5 > len(text) {
			t.Errorf("%d claims have %d bytes, and %d as JSON", len(p.Claims), len(data), len(text))
		}
	}
}

// What is damaged is an error.
func TestDamagedSnapshots(t *testing.T) {
	data, err := encodePool(busy(t, 20, pool.Online))
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(data); n += 7 {
		if _, err := decodePool(data[:n]); err == nil {
			t.Errorf("the first %d of %d bytes are a pool", n, len(data))
		}
	}
	for range 300 {
		bad := bytes.Clone(data)
		bad[rand.IntN(len(bad))] ^= 1 << rand.IntN(8)
		_, _ = decodePool(bad) // does not panic
	}
}

// A million tickets in as many claims fit into a snapshot, where nobody paid online.
func BenchmarkSnapshot(b *testing.B) {
	p := busy(b, 250_000, pool.Door)
	b.ResetTimer()
	for b.Loop() {
		data, err := encodePool(p)
		if err != nil || len(data) > aether.MaxSnapshotSize {
			b.Fatal(len(data), err)
		}
		b.ReportMetric(float64(len(data))/float64(len(p.Claims)), "bytes/claim")
	}
}

// The saved form of events does not change.
func TestEvents(t *testing.T) {
	order := Order{Pool: "k7x2m9qa4tzc", Claim: 17, Amount: 10000}
	schematest.Golden(t, PaymentEvents(), "testdata/payments", []PaymentEvent{
		PaymentCaptured{order, evening}, PaymentCancelled{order, evening}, PaymentRefunded{order, evening},
		PaymentFailed{Order: order, Action: Capture, Reason: "expired", At: evening}, PaymentRetried{order, Capture, "op", evening},
		PaymentSettled{order, Refund, "op", "by bank transfer", evening}, PaymentNotified{"charge.refunded", evening},
	})
	schematest.Golden(t, nameEvents(), "testdata/names", []nameEvent{nameTaken{"Jazz Night", "k7x2m9qa4tzc"}})
}

// A code is of one ticket, of one claim, in one pool.
func TestCodes(t *testing.T) {
	secret := []byte("secret")
	code := ticketCode(secret, "jazz", 12, 5)
	if ticket, claim, err := readCode(secret, "jazz", code); ticket != 12 || claim != 5 || err != nil {
		t.Errorf("%s is ticket %d of claim %d, %v", code, ticket, claim, err)
	}
	mac := code[len("12-5-"):]
	for _, test := range []struct{ secret, pool, code string }{
		{"secret", "rock", code}, {"other", "jazz", code}, {"secret", "jazz", "13-5-" + mac}, {"secret", "jazz", "12-6-" + mac},
		{"secret", "jazz", "12-5-"}, {"secret", "jazz", code + "-"}, {"secret", "jazz", ""},
	} {
		if _, _, err := readCode([]byte(test.secret), test.pool, test.code); err == nil {
			t.Errorf("%+v is a ticket", test)
		}
	}
}

// The pages have paths of their own beside the pools.
func TestReservedPools(t *testing.T) {
	for id, ok := range map[string]bool{"jazz": true, "mine-2": true, "new": false, "mine": false, "claims": false, "promoter": false, "cases": false, "-a": false, "A": false, "": false} {
		if validPool(id) != ok {
			t.Errorf("%q is a pool: %v", id, !ok)
		}
	}
}
