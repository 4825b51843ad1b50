package tickets

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/money"
	"github.com/aether-es/aether/apps/tickets/payment"
	"github.com/aether-es/aether/apps/tickets/pool"
	"github.com/aether-es/aether/internal/testenv"
)

// example is one of testdata/words.json: what is said, last, and of what.
type example []any

func TestShopWords(t *testing.T) {
	var examples struct {
		Money, Span, Ahead []example
		Pools              []struct {
			Key  string
			Pool PoolDocument
		}
		Carts []struct {
			Key  string
			Cart ClaimDocument
		}
	}
	text, err := os.ReadFile("testdata/words.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &examples); err != nil {
		t.Fatal(err)
	}
	check := func(got string, e example) {
		t.Helper()
		if got != e[len(e)-1] {
			t.Errorf("%v is %q", e, got)
		}
	}
	for _, e := range examples.Money {
		check(money.Format(int64(e[0].(float64)), e[1].(string)), e)
	}
	for _, e := range examples.Span {
		check(span(time.Duration(e[0].(float64))*time.Second), e)
	}
	for _, e := range examples.Ahead {
		check(aheadWords(int(e[0].(float64))), e)
	}
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, e := range examples.Pools {
		if got := poolKey(&e.Pool, situationOf(&e.Pool, now)); got != e.Key {
			t.Errorf("%+v has the key %q, want %q", e.Pool, got, e.Key)
		}
	}
	for _, e := range examples.Carts {
		if got := cartKey(&e.Cart); got != e.Key {
			t.Errorf("%+v has the key %q, want %q", e.Cart, got, e.Key)
		}
	}
	if got := money.Format(-1<<63, "JPY"); got != "-¥9\u202f223\u202f372\u202f036\u202f854\u202f775\u202f808" {
		t.Errorf("the smallest number is %s", got)
	}
}

func TestShopModules(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		testenv.Lacks(t, "node, for the tests of the JavaScript modules")
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), node, "--test", "testdata/words.test.js")
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Errorf("%v\n%s", err, &out)
	}
}

// What moves a price next is found in the rule itself: each sentence is true, and there
// is no earlier change.
func TestNextPrices(t *testing.T) {
	begin := time.Date(2030, 1, 10, 20, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	for _, test := range []struct {
		name   string
		rule   pool.Rule
		sold   int
		before time.Duration
		want   string
	}{
		{"fixed", pool.Rule{Base: 5000}, 0, 30 * day, "It stays at this, unless the promoter changes it."},
		{"slope", pool.Rule{Base: 5000, Rise: 1000}, 0, 30 * day, "It goes up to €50.10 once one more ticket is sold."},
		{"rounded", pool.Rule{Base: 5000, Rise: 1000, Round: 100}, 0, 30 * day, "It goes up to €51.00 once 5 more tickets are sold."},
		{"step", pool.Rule{Base: 5000, Steps: []pool.Step{{Percent: 50, Change: 500}, {Percent: 80, Change: -200}}}, 20, 30 * day, "It goes up to €55.00 once 30 more tickets are sold."},
		{"second step", pool.Rule{Base: 5000, Steps: []pool.Step{{Percent: 50, Change: 500}, {Percent: 80, Change: -200}}}, 50, 30 * day, "It goes down to €53.00 once 30 more tickets are sold."},
		{"step of nothing", pool.Rule{Base: 5000, Steps: []pool.Step{{Percent: 50, Change: 0}, {Percent: 80, Change: 100}}}, 0, 30 * day, "It goes up to €51.00 once 80 more tickets are sold."},
		{"up, and back", pool.Rule{Base: 5000, Rise: -1000, Steps: []pool.Step{{Percent: 10, Change: 500}}, Round: 500}, 0, 30 * day, "It goes up to €55.00 once 10 more tickets are sold."},
		{"at the ceiling", pool.Rule{Base: 5000, Rise: 1000, Ceiling: 5000}, 3, 30 * day, "It stays at this, unless the promoter changes it."},
		{"the last one", pool.Rule{Base: 5000, Rise: 1000}, 99, 30 * day, "It stays at this, unless the promoter changes it."},
		{"step at the end", pool.Rule{Base: 5000, Steps: []pool.Step{{Percent: 100, Change: 500}}}, 0, 30 * day, "It stays at this, unless the promoter changes it."},
		{"near", pool.Rule{Base: 5000, Drop: 1000, Before: 10}, 0, 5 * time.Hour, "It goes down to €44.99 in 18 seconds, as the event comes near."},
		{"far", pool.Rule{Base: 5000, Drop: 1000, Before: 24, Round: 500}, 0, 3 * day, "It goes down to €45.00 in 2 days 6 hours, as the event comes near."},
		{"both", pool.Rule{Base: 5000, Rise: 2000, Drop: 1000, Before: 24, Round: 500}, 0, 2 * day, "It goes up to €55.00 once 13 more tickets are sold. It goes down to €45.00 in 1 day 6 hours, as the event comes near."},
	} {
		d := PoolDocument{Capacity: 100, Sold: test.sold, Rule: test.rule, Currency: "EUR", EventDate: begin, Payment: pool.Door}
		now := begin.Add(-test.before)
		d.Price = d.Rule.Price(d.Sold, d.Capacity, d.EventDate, now)
		if got := strings.Join(nextPrices(&d, now), " "); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
		next := d.Sold + 1
		for next < d.Capacity && d.Rule.Price(next, d.Capacity, begin, now) == d.Price {
			next++
		}
		n, _ := nextBySales(&d, now)
		if next == d.Capacity && n != 0 || next < d.Capacity && n != next-d.Sold {
			t.Errorf("%s: the price changes with %d sold, not with %d", test.name, next, d.Sold+n)
		}
	}
}

// A refusal that came over a bus has its facts as JSON.
func TestRefusedOverABus(t *testing.T) {
	refusal := &aether.Refusal{Reason: pool.PriceChanged, Facts: json.RawMessage(`{"price":5250,"currency":"EUR"}`)}
	if _, text := refusedWords(refusal); !strings.HasPrefix(text, "A ticket is €52.50 by now.") {
		t.Errorf("it is %q", text)
	}
	refusal.Facts = nil
	if title, text := refusedWords(refusal); title == "" || strings.Contains(text, "by now") {
		t.Errorf("without facts it is %q", text)
	}
}

// Test cards are offered where the provider takes them, and nowhere else.
func TestTestCards(t *testing.T) {
	for key, want := range map[string]bool{"sk_test_x": true, "rk_test_x": true, "sk_live_test_": false} {
		provider, err := payment.New(key, nil)
		if err != nil {
			t.Fatal(err)
		}
		p := &pages{tickets: &Tickets{provider: provider}}
		if offered := len(p.methods()) > 0; offered != want {
			t.Errorf("with a key %s test cards are offered: %t", key, offered)
		}
		provider.Close()
	}
}

// The picture of a QR code has its quiet zone, and nothing beyond its side.
func TestQR(t *testing.T) {
	code, err := qrOf("2-1-4E5O4CTH4I3SFOMH")
	if err != nil {
		t.Fatal(err)
	}
	if code.side < 21+2*qrQuiet || !strings.HasPrefix(code.path, "M4 4h7v1h-7z") {
		t.Errorf("of side %d it begins with %.40s", code.side, code.path)
	}
	if _, err := qrOf(strings.Repeat("x", 5000)); err == nil {
		t.Error("5000 letters are no QR code")
	}
}
