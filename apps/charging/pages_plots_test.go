package charging

import (
	"strings"
	"testing"
	"time"
)

func TestScale(t *testing.T) {
	for _, test := range []struct {
		low, high float64
		want      string
	}{
		{0, 11, "15 10 5 0"},
		{0, 22.1, "30 20 10 0"},
		{0, 1, "1.0 0.5 0.0"},
		{40, 100, "100 80 60 40"},
		{0, 0, "1.0 0.5 0.0"},
		{0, 1_250_000, "1\u202f500\u202f000 1\u202f000\u202f000 500\u202f000 0"},
		{-3, 3, "4 2 0 −2 −4"},
		{0, 0.003, "0.003 0.002 0.001 0.000"},
	} {
		s := scaleOf(test.low, test.high)
		if got := strings.Join(s.numbers(), " "); got != test.want {
			t.Errorf("from %v to %v: %s, want %s", test.low, test.high, got, test.want)
		}
		if top, bottom := s.y(test.high), s.y(test.low); top < -1e-9 || bottom > plotHeight+1e-9 {
			t.Errorf("from %v to %v: drawn from %v to %v", test.low, test.high, top, bottom)
		}
	}
}

// A line is broken where nothing was measured for long, and its points are in the box.
func TestPath(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := func(minutes int, watts float64) CurvePoint {
		return CurvePoint{At: start.Add(time.Duration(minutes) * time.Minute), PowerW: &watts}
	}
	other := 5.0
	points := []CurvePoint{at(0, 0), {At: start.Add(5 * time.Minute), SoC: &other}, at(10, 10), at(50, 5), at(60, 10)}
	axis := timeAxis{start, start.Add(time.Hour)}
	got := axis.path(points, scaleOf(0, 10), func(p *CurvePoint) *float64 { return p.PowerW })
	if want := "M0.0 300.0h0L166.7 0.0M833.3 150.0h0L1000.0 0.0"; got != want {
		t.Errorf("the path is %s, want %s", got, want)
	}
	groups := axis.groups(points)
	if len(groups) != 5 || !groups[0].from.Equal(start) || !groups[4].to.Equal(axis.to) {
		t.Errorf("the groups are %+v", groups)
	}
	var many []CurvePoint
	for i := range 500 {
		many = append(many, CurvePoint{At: start.Add(time.Duration(i) * 7200 * time.Millisecond), PowerW: &other})
	}
	if groups := axis.groups(many); len(groups) > mostGroups+1 || !groups[len(groups)-1].At.Equal(many[499].At) {
		t.Errorf("%d groups, the last of %s", len(groups), groups[len(groups)-1].At)
	}
}

func TestLimits(t *testing.T) {
	steps := []limitStep{{from: 0, limit: 32}, {from: 1800, limit: 16}, {from: 7200, limit: 0}}
	if got, want := limits(steps, 3600, scaleOf(0, 32)), "M0.0 60.0H500.0V180.0H1000.0"; got != want {
		t.Errorf("the path is %s, want %s", got, want)
	}
}
