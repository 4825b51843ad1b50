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
	given(t, created(pool.Free)).When(pool.ChangePricing{Rule: dear}).ThenRefused(pool.BadPrice)
}
