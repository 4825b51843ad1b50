package money

import (
	"math"
	"testing"
)

func TestFormat(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		amount   int64
		currency string
		want     string
	}{
		{0, "EUR", "€0.00"}, {5, "EUR", "€0.05"}, {1250, "EUR", "€12.50"}, {-10, "USD", "-$0.10"}, {123456789, "CHF", "CHF\u00a01\u202f234\u202f567.89"},
		{1500, "JPY", "¥1\u202f500"}, {1500, "KWD", "KWD\u00a01.500"}, {math.MinInt64, "JPY", "-¥9\u202f223\u202f372\u202f036\u202f854\u202f775\u202f808"},
	} {
		if got := Format(c.amount, c.currency); got != c.want {
			t.Errorf("%d %s is %q, want %q", c.amount, c.currency, got, c.want)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, currency := range []string{"EUR", "JPY", "KWD", "CLF"} {
		for _, amount := range []int64{0, 1, 9, 10, 99, 100, 12345, -5, -12345} {
			if got, err := Parse(Decimal(amount, currency), currency); err != nil || got != amount {
				t.Errorf("%d %s is read as %d, %v", amount, currency, got, err)
			}
		}
	}
	for text, want := range map[string]int64{"12": 1200, "12.5": 1250, "12,50": 1250, ".5": 50, "5.": 500} {
		if got, err := Parse(text, "EUR"); err != nil || got != want {
			t.Errorf("%q is read as %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", ".", ",", "-", "-.", "1.234", "1.2.3", "1 000", "1.-5", "€5", "1234567890123"} {
		if got, err := Parse(text, "EUR"); err == nil {
			t.Errorf("%q is read as %d", text, got)
		}
	}
	if got, err := Parse("12.5", "JPY"); err == nil {
		t.Errorf("half a yen is read as %d", got)
	}
}
