package charging

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/aether-es/aether/apps/charging/session"
)

// The charts are drawn here, in a box that the page stretches to the width it has; what is
// to be read is beside it, in text, and in a table below.
const (
	plotWidth  = 1000.0
	plotHeight = 300.0
)

// plot is a chart.
type plot struct {
	id, title, about string
	alone            bool // it has a section of its own
	scale            scale
	lines            []plotLine
	bars             []plotBand
	across           []plotEnd // at equal distances
	bands            []plotBand

	columns []string // of the table; without any it has none
	rows    []plotRow
}

// plotLine is a line: what it is, how it is drawn, and where.
type plotLine struct{ name, class, path string }

// plotEnd is what stands at the axis across: a moment, or a text.
type plotEnd struct {
	at   time.Time
	text string
}

// plotRow is a row of the table.
type plotRow struct {
	first plotEnd
	cells []string
}

// plotBand is a part of the chart that tells its values to a pointer. A bar has a height.
type plotBand struct {
	x, width float64
	y        float64
	first    plotEnd
	text     string
}

// grid is the path of the lines at the numbers of the scale, and down at those across.
func (c *plot) grid() string {
	var p strings.Builder
	for i := range c.scale.steps + 1 {
		fmt.Fprintf(&p, "M0 %.1fH1000", plotHeight*float64(i)/float64(c.scale.steps))
	}
	for i := 1; i < len(c.across)-1; i++ {
		fmt.Fprintf(&p, "M%.1f 0V300", plotWidth*float64(i)/float64(len(c.across)-1))
	}
	return p.String()
}

// scale is the axis up: round numbers, at equal distances.
type scale struct {
	low, step float64
	steps     int
}

// scaleOf has room for numbers from one to another.
func scaleOf(low, high float64) scale {
	if high-low < 1e-9 {
		high = low + 1
	}
	raw := (high - low) / 4
	step := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 5, 10} {
		if m*step >= raw*0.999 {
			step *= m
			break
		}
	}
	s := scale{low: math.Floor(low/step+1e-9) * step, step: step}
	s.steps = max(int(math.Ceil((high-s.low)/step-1e-9)), 1)
	return s
}

// numbers are those at the axis, from the top down.
func (s scale) numbers() []string {
	digits := max(0, -int(math.Floor(math.Log10(s.step)+1e-9)))
	var texts []string
	for i := s.steps; i >= 0; i-- {
		n := s.low + float64(i)*s.step
		text := strconv.FormatFloat(n, 'f', digits, 64)
		if digits == 0 && math.Abs(n) < 1e15 {
			text = figure(int(math.Round(n)))
		}
		texts = append(texts, text)
	}
	return texts
}

// y is how far down a number is.
func (s scale) y(n float64) float64 {
	return plotHeight * (1 - (n-s.low)/(s.step*float64(s.steps)))
}

// timeAxis is an axis across, from a moment to another.
type timeAxis struct{ from, to time.Time }

func (a timeAxis) x(at time.Time) float64 {
	all := a.to.Sub(a.from)
	if all <= 0 {
		return plotWidth / 2
	}
	return min(max(plotWidth*float64(at.Sub(a.from))/float64(all), 0), plotWidth)
}

// ends are what stands at the axis.
func (a timeAxis) ends() []plotEnd {
	middle := a.to.Sub(a.from) / 2
	return []plotEnd{{at: a.from}, {text: "after " + lasting(middle)}, {at: a.to}}
}

// path draws what was measured at the moments where it was. It is broken where there was
// nothing for [session.GapAfter].
func (a timeAxis) path(points []CurvePoint, s scale, value func(*CurvePoint) *float64) string {
	var path strings.Builder
	var last time.Time
	for i := range points {
		n := value(&points[i])
		if n == nil {
			continue
		}
		at := points[i].At
		letter := "L"
		if last.IsZero() || at.Sub(last) > session.GapAfter {
			letter = "M"
		}
		fmt.Fprintf(&path, "%s%.1f %.1f", letter, a.x(at), s.y(*n))
		if letter == "M" {
			path.WriteString("h0") // a point alone is seen, too
		}
		last = at
	}
	return path.String()
}

// mostGroups is how many rows the table of a chart has at most, and how many parts tell
// their values.
const mostGroups = 60

// curveGroup is some of the points of a curve as one: the newest of each value.
type curveGroup struct {
	from, to time.Time
	CurvePoint
}

// groups puts points together that are near to each other.
func (a timeAxis) groups(points []CurvePoint) []curveGroup {
	every := max(a.to.Sub(a.from)/mostGroups, time.Second)
	var groups []curveGroup
	for _, p := range points {
		begin := a.from.Add(p.At.Sub(a.from) / every * every)
		if n := len(groups); n > 0 && !groups[n-1].from.Before(begin) {
			groups[n-1].merge(p)
			continue
		} else if n > 0 {
			groups[n-1].to = begin
		}
		groups = append(groups, curveGroup{begin, a.to, p})
	}
	return groups
}

func (g *curveGroup) merge(p CurvePoint) {
	g.At = p.At
	for _, v := range []struct{ to, from **float64 }{
		{&g.EnergyWh, &p.EnergyWh}, {&g.PowerW, &p.PowerW}, {&g.SoC, &p.SoC}, {&g.CurrentA, &p.CurrentA},
		{&g.OfferedA, &p.OfferedA}, {&g.VoltageV, &p.VoltageV},
	} {
		if *v.from != nil {
			*v.to = *v.from
		}
	}
}

// limits is the path of a limit that holds from a second on, up to the next one: seconds
// are from 0 to all.
func limits(steps []limitStep, all int, s scale) string {
	var path strings.Builder
	for i, l := range steps {
		from, to := l.from, all
		if i+1 < len(steps) {
			to = min(steps[i+1].from, all)
		}
		if from >= all && i > 0 {
			break
		}
		if i == 0 {
			fmt.Fprintf(&path, "M%.1f %.1f", plotWidth*float64(from)/float64(all), s.y(l.limit))
		} else {
			fmt.Fprintf(&path, "V%.1f", s.y(l.limit))
		}
		fmt.Fprintf(&path, "H%.1f", plotWidth*float64(to)/float64(all))
	}
	return path.String()
}

// limitStep is a limit, from a second on.
type limitStep struct {
	from   int
	limit  float64
	phases int // 0 where it is not said
}

// barsOf draws numbers as bars beside each other.
func barsOf(n int, s scale, value func(i int) float64, first func(i int) plotEnd, text func(i int) string) []plotBand {
	bars := make([]plotBand, n)
	each := plotWidth / float64(max(n, 1))
	gap := each * 0.15
	for i := range bars {
		bars[i] = plotBand{x: each*float64(i) + gap/2, width: each - gap, y: s.y(value(i)), first: first(i), text: text(i)}
	}
	return bars
}
