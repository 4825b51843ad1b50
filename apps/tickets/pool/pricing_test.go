package pool_test

import (
	"testing"
	"time"

	"github.com/aether-es/aether/apps/tickets/pool"
)

func TestPrice(t *testing.T) {
	tests := []struct {
		name   string
		rule   pool.Rule
		sold   int
		before time.Duration // the event
		want   int64
	}{
		{"base", pool.Rule{Base: 5000}, 99, 0, 5000},
		{"rise, nothing sold", pool.Rule{Base: 5000, Rise: 1000}, 0, 0, 5000},
		{"rise, a third", pool.Rule{Base: 5000, Rise: 1000}, 33, 0, 5330},
		{"rise, halves up", pool.Rule{Base: 100, Rise: 50}, 1, 0, 101},
		{"rise downwards, halves up", pool.Rule{Base: 100, Rise: -50}, 1, 0, 100},
		{"before a step", pool.Rule{Base: 5000, Steps: []pool.Step{{50, 700}, {90, 800}}}, 49, 0, 5000},
		{"at a step", pool.Rule{Base: 5000, Steps: []pool.Step{{50, 700}, {90, 800}}}, 50, 0, 5700},
		{"both steps", pool.Rule{Base: 5000, Steps: []pool.Step{{50, 700}, {90, 800}}}, 100, 0, 6500},
		{"long before", pool.Rule{Base: 5000, Drop: 2400, Before: 24}, 0, 25 * time.Hour, 5000},
		{"a quarter of the drop", pool.Rule{Base: 5000, Drop: 2400, Before: 24}, 0, 18 * time.Hour, 4400},
		{"at the event", pool.Rule{Base: 5000, Drop: 2400, Before: 24}, 0, 0, 2600},
		{"after the event", pool.Rule{Base: 5000, Drop: 2400, Before: 24}, 0, -time.Hour, 2600},
		{"floor", pool.Rule{Base: 5000, Drop: 2400, Before: 24, Floor: 3000}, 0, 0, 3000},
		{"never below nothing", pool.Rule{Base: 1000, Drop: 2400, Before: 24}, 0, 0, 0},
		{"ceiling", pool.Rule{Base: 5000, Rise: 2000, Ceiling: 6000}, 80, 0, 6000},
		{"round down", pool.Rule{Base: 5024, Round: 50}, 0, 0, 5000},
		{"round up", pool.Rule{Base: 5025, Round: 50}, 0, 0, 5050},
		{"largest", pool.Rule{Base: pool.MaxAmount, Rise: pool.MaxAmount, Drop: -pool.MaxAmount, Before: pool.MaxBefore}, 100, 0, 3 * pool.MaxAmount},
	}
	for _, test := range tests {
		if got := test.rule.Price(test.sold, 100, jazz, jazz.Add(-test.before)); got != test.want {
			t.Errorf("%s: the price is %d, want %d", test.name, got, test.want)
		}
	}
}

func TestChangePricing(t *testing.T) {
	open := given(t, created(pool.Door), claimed(1, "ann", 5000, 1))
	dear := pool.Rule{Base: 8000}
	second := dear
	second.Version = 2
	changed := open.When(pool.ChangePricing{Rule: dear}).Then(pool.PricingChanged{Rule: second})
	changed.When(pool.Buy{Claim: 1, Customer: "ann", At: now}).Then(bought(1, "ann", 5000, 1)...) // as claimed
	changed.When(pool.ClaimTickets{Customer: "bob", Quantity: 1, PriceSeen: 5000, At: now}).ThenRefused(pool.PriceChanged)
	for name, bad := range map[string]pool.Rule{
		"a negative base":       {Base: -1},
		"too much":              {Base: pool.MaxAmount + 1},
		"a drop without a time": {Base: 1, Drop: 1},
		"floor above ceiling":   {Base: 1, Floor: 3, Ceiling: 2},
		"steps that fall":       {Base: 1, Steps: []pool.Step{{50, 1}, {50, 1}}},
		"a step above all":      {Base: 1, Steps: []pool.Step{{101, 1}}},
		"too many steps":        {Base: 1, Steps: make([]pool.Step, pool.MaxSteps+1)},
	} {
		t.Run(name, func(t *testing.T) {
			given(t, created(pool.Door)).When(pool.ChangePricing{Rule: bad}).ThenRefused(pool.BadPrice)
		})
	}
	free := given(t, created(pool.Free))
	for _, idle := range []pool.Rule{dear, {Ceiling: 1}, {Round: 50}, {Before: 24}, {Drop: 1, Before: 24}, {Rise: -1}} {
		free.When(pool.ChangePricing{Rule: idle}).ThenRefused(pool.BadPrice)
	}
	free.When(pool.ChangePricing{}).Then(pool.PricingChanged{Rule: pool.Rule{Version: 2}})
}

// Each price that there may be can be paid online, or is nothing.
func TestOnlinePrices(t *testing.T) {
	most := int64(pool.MaxOnline / pool.MaxTickets)
	for _, test := range []struct {
		name string
		rule pool.Rule
		ok   bool
	}{
		{"the least", pool.Rule{Base: 50}, true},
		{"too little", pool.Rule{Base: 49}, false},
		{"nothing", pool.Rule{}, true},
		{"the most", pool.Rule{Base: most}, true},
		{"too much", pool.Rule{Base: most + 1}, false},
		{"too much, but for a ceiling", pool.Rule{Base: most, Rise: 1000, Ceiling: most}, true},
		{"too much with the last tickets", pool.Rule{Base: most, Rise: 1000}, false},
		{"too little with the last tickets", pool.Rule{Base: 1000, Rise: -960}, false},
		{"too little after a step", pool.Rule{Base: 100, Steps: []pool.Step{{50, -60}}}, false},
		{"too little before a step", pool.Rule{Base: 100, Rise: -200, Floor: 1, Steps: []pool.Step{{50, 200}}}, false},
		{"too much before a step", pool.Rule{Base: most, Rise: 100, Steps: []pool.Step{{50, -200}}}, false},
		{"drops to too little", pool.Rule{Base: 1000, Drop: 960, Before: 24}, false},
		{"drops to nothing", pool.Rule{Base: 1000, Drop: 1000, Before: 24}, false},
		{"drops to nothing in leaps", pool.Rule{Base: 1000, Drop: 1000, Before: 24, Round: 50}, true},
		{"drops in leaps that are too small", pool.Rule{Base: 1000, Drop: 1000, Before: 24, Round: 20}, false},
		{"drops to the floor", pool.Rule{Base: 1000, Drop: 1000, Before: 24, Floor: 50}, true},
		{"a ceiling that is too low", pool.Rule{Base: 1000, Ceiling: 20}, false},
	} {
		err := test.rule.Check(pool.Online, 100)
		if (err == nil) != test.ok || err != nil && refusal(err) != pool.BadPrice {
			t.Errorf("%s: %v", test.name, err)
		}
		if err := test.rule.Check(pool.Door, 100); err != nil {
			t.Errorf("%s, at the door: %v", test.name, err)
		}
	}
	bad := pool.Create{Name: "Jazz", Capacity: 10, Rule: pool.Rule{Base: 20}, Currency: "EUR", EventDate: jazz, Payment: pool.Online, At: now}
	given(t).When(bad).ThenRefused(pool.BadPrice)
	given(t, created(pool.Online)).When(pool.ChangePricing{Rule: pool.Rule{Base: 20}}).ThenRefused(pool.BadPrice)
}

func TestPriceMoves(t *testing.T) {
	rule := pool.Rule{Base: 5000, Drop: 2400, Before: 24, Round: 100, Floor: 4000} // 100 less each hour
	moves := func(before time.Duration) time.Duration {
		at, ok := rule.Moves(0, 100, jazz, jazz.Add(-before))
		if !ok {
			return 0
		}
		return jazz.Sub(at)
	}
	half := 23*time.Hour + 30*time.Minute - time.Microsecond // halves up: the first half hour costs as before
	if got := moves(100 * time.Hour); got.Round(time.Minute) != half.Round(time.Minute) {
		t.Errorf("the price moves %v before the event first", got)
	}
	if got := moves(23 * time.Hour); got.Round(time.Minute) != 22*time.Hour+30*time.Minute {
		t.Errorf("then %v before", got)
	}
	if got := moves(10 * time.Hour); got != 0 {
		t.Errorf("at the floor it moves %v before", got)
	}
}
