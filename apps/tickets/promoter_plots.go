package tickets

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The charts are drawn here, in a box that the page stretches to the width it has; what
// is to be read is beside it, in text, and in a table below.
const (
	plotWidth  = 1000
	plotHeight = 300
)

// plot is a chart.
type plot struct {
	id, title, about  string
	lines             []plotLine
	here              float64 // where a line down marks how things stand; none when 0
	high, middle, low string  // at the axis up
	from, to          plotEnd // of the axis across

	columns []string
	rows    []plotRow
	bands   []plotBand
}

// plotLine is a line: what it is, how it is drawn, and where.
type plotLine struct{ name, class, path string }

// plotEnd is what stands at an end of the axis across: a moment, or a text.
type plotEnd struct {
	at   time.Time
	text string
}

// plotRow is a row of the table; the first cell is a moment or a text.
type plotRow struct {
	first plotEnd
	cells []string
}

// plotBand is a part of the chart that tells its values to a pointer.
type plotBand struct {
	x, width float64
	first    plotEnd
	text     string
}

// add adds a row, and the band of it.
func (c *plot) add(from, to float64, at time.Time, cells []string, text string) {
	c.rows = append(c.rows, plotRow{plotEnd{at: at}, cells})
	c.bands = append(c.bands, plotBand{from, to - from, plotEnd{at: at}, text})
}

// addText is add where the axis is no time.
func (c *plot) addText(from, to float64, first string, cells []string, text string) {
	c.rows = append(c.rows, plotRow{plotEnd{text: first}, cells})
	c.bands = append(c.bands, plotBand{from, to - from, plotEnd{text: first}, text})
}

func (c *plot) viewBox() string { return fmt.Sprintf("0 0 %d %d", plotWidth, plotHeight) }

// path is made of points, from left to right.
type path struct{ strings.Builder }

// step goes across at the height it has, then to the new one.
func (p *path) step(x, y float64) {
	if p.Len() == 0 {
		fmt.Fprintf(p, "M%.1f %.1f", x, y)
		return
	}
	fmt.Fprintf(p, "H%.1fV%.1f", x, y)
}

// to goes straight to a point.
func (p *path) to(x, y float64) {
	letter := "L"
	if p.Len() == 0 {
		letter = "M"
	}
	fmt.Fprintf(p, "%s%.1f %.1f", letter, x, y)
}

// scale is the axis up. It has room for what was measured: lowest to highest.
type scale struct {
	lowest, highest int64
	low, high       int64
	whole           bool // begins with 0
}

func scaleOf(whole bool, values ...int64) scale {
	return scale{lowest: slices.Min(values), highest: slices.Max(values), whole: whole}
}

// with has room for one more value.
func (s scale) with(n int64) scale {
	s.lowest, s.highest = min(s.lowest, n), max(s.highest, n)
	return s
}

// rounded has round numbers at its ends and between them.
func (s scale) rounded() scale {
	low, high := s.lowest, s.highest
	switch {
	case s.whole:
		low, high = 0, max(high, 4)
	case low == high:
		low, high = low-low/5, high+max(high/5, 4)
	}
	unit := int64(1)
	for grow := 0; unit*8 < high-low; grow++ {
		unit = unit * []int64{2, 5, 10}[grow%3] / []int64{1, 2, 5}[grow%3]
	}
	s.low = low / unit * unit
	s.high = (high + unit - 1) / unit * unit
	if (s.high-s.low)/unit%2 == 1 {
		s.high += unit
	}
	return s
}

// y is how far down a value is.
func (s scale) y(n int64) float64 {
	return plotHeight * float64(s.high-n) / float64(max(s.high-s.low, 1))
}

// plot returns a chart with the scale's numbers beside it.
func (s scale) plot(id, title string, words func(int64) string) plot {
	return plot{id: id, title: title, high: words(s.high), middle: words((s.high + s.low) / 2), low: words(s.low)}
}

// timeAxis is an axis across, from a moment to another.
type timeAxis struct{ from, to time.Time }

func (a timeAxis) x(at time.Time) float64 {
	all := a.to.Sub(a.from)
	if all <= 0 {
		return plotWidth
	}
	return min(max(plotWidth*float64(at.Sub(a.from))/float64(all), 0), plotWidth)
}

// pointGroup is some of the points of a sale as one.
type pointGroup struct {
	from, to time.Time
	point    SalesPoint
}

// mostGroups is how many of them a chart has at most: so many rows its table.
const mostGroups = 40

// groups puts points together that are near to each other. Those without any are left
// out, and belong to the group before.
func (a timeAxis) groups(points []SalesPoint) []pointGroup {
	every := max(a.to.Sub(a.from)/mostGroups, time.Second)
	var groups []pointGroup
	for _, p := range points {
		begin := a.from.Add(p.At.Sub(a.from) / every * every)
		if n := len(groups); n > 0 && groups[n-1].from.Equal(begin) {
			groups[n-1].point.add(p)
			continue
		} else if n > 0 {
			groups[n-1].to = begin
		}
		groups = append(groups, pointGroup{begin, a.to, p})
	}
	return groups
}
