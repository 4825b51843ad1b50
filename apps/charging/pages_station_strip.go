package charging

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aether-es/aether/apps/charging/station"
)

// A strip shows what a connector did in the last day, by the events of the station.

// stripTimes are how much time a strip shows: a day, or less as long as nothing more is
// known. mostStripped is how many events it is made of: of a station that had more it
// begins later.
var stripTimes = []time.Duration{time.Hour, 6 * time.Hour, 24 * time.Hour}

const mostStripped = 2000

// strip is drawn stripWidth wide.
type strip struct {
	from, to time.Time
	spans    []span
}

// span is some time with one status.
type span struct {
	status   string // "" while it has reported none
	power    bool   // a power fault
	offline  bool
	from, to time.Time
}

// happening is what a strip needs to know of an event of a station.
type happening struct {
	kind      string
	at        time.Time
	connector int
	status    string
	before    string
	power     bool
}

// strips returns those of a station's connectors, by their numbers.
func (p *pages) strips(ctx context.Context, d *StationDocument, now time.Time) (map[int]strip, error) {
	from := now.Add(-stripTimes[len(stripTimes)-1])
	happened, known, began, err := p.happened(ctx, d.ID, from)
	if err != nil {
		return nil, err
	}
	if began { // the station is younger than that
		for _, shown := range stripTimes {
			if begin := now.Add(-shown); !known.Before(begin) {
				from = begin
				break
			}
		}
	}
	for i := range d.Connectors { // what has not changed since is as it was
		c := &d.Connectors[i]
		if !slices.ContainsFunc(happened, func(h happening) bool { return h.kind == statusChanged && h.connector == c.ID }) && c.Status != "" {
			happened = slices.Insert(happened, 0, happening{kind: statusChanged, at: known, connector: c.ID, status: c.Status, power: c.Power})
		}
	}
	return drawStrips(happened, !d.Online, from, known, now), nil
}

// statusChanged is the type of the events that strips are made of.
const statusChanged = "ConnectorStatusChanged"

// happened returns what changed the statuses of a station from a time on, in order, and
// from when on all of that is known; that may be when the station began.
func (p *pages) happened(ctx context.Context, id string, from time.Time) (found []happening, known time.Time, began bool, err error) {
	const atATime = 500
	known = from
	for looked, before := 0, version(0); ; looked += atATime {
		page, err := p.charging.StationHistory(ctx, id, before, atATime)
		if err != nil {
			return nil, known, false, err
		}
		over := false
		for _, e := range page.Events {
			if over = e.Time.Before(from); over {
				break
			}
			before, known = e.Version, e.Time
			if h, ok := happens(e); ok {
				found = append(found, h)
			}
		}
		if over {
			known = from
		}
		if over || !page.More || looked+atATime >= mostStripped {
			slices.Reverse(found)
			return found, known, !over && !page.More, nil
		}
	}
}

func happens(e EventDocument) (h happening, ok bool) {
	switch e.Type {
	case "StationCameOnline", "StationWentOffline":
		return happening{kind: e.Type, at: e.Time}, true
	case statusChanged:
		var changed station.ConnectorStatusChanged
		if json.Unmarshal(e.Data, &changed) != nil {
			return h, false
		}
		return happening{
			kind: e.Type, at: e.Time, connector: changed.Connector, status: changed.Status, before: changed.Before,
			power: changed.Status == station.Faulted && station.PowerFault(changed.ErrorCode),
		}, true
	}
	return h, false
}

// drawStrips makes strips of what happened, in order, to a station that is offline now or
// not.
func drawStrips(happened []happening, offline bool, from, known, to time.Time) map[int]strip {
	strips := map[int]strip{}
	open := map[int]span{}
	if i := slices.IndexFunc(happened, func(h happening) bool { return h.kind != statusChanged }); i >= 0 {
		offline = happened[i].kind == "StationCameOnline" // until then
	}
	close := func(connector int, at time.Time) {
		s := open[connector]
		s.from, s.to = maxTime(s.from, from), at
		if s.to.After(s.from) {
			drawn := strips[connector]
			drawn.spans = append(drawn.spans, s)
			strips[connector] = drawn
		}
	}
	for _, h := range happened {
		switch h.kind {
		case statusChanged:
			if s, ok := open[h.connector]; ok {
				if s.status == h.status && s.power == h.power {
					continue
				}
				close(h.connector, h.at)
			} else if h.before != "" && known.Before(h.at) {
				open[h.connector] = span{status: h.before, offline: offline, from: known}
				close(h.connector, h.at)
			}
			open[h.connector] = span{status: h.status, power: h.power, offline: offline, from: h.at}
		case "StationCameOnline", "StationWentOffline":
			is := h.kind == "StationWentOffline"
			for connector, s := range open {
				if s.offline != is {
					close(connector, h.at)
					s.offline, s.from = is, h.at
					open[connector] = s
				}
			}
			offline = is
		}
	}
	for connector := range open {
		close(connector, to)
	}
	for connector, s := range strips {
		s.from, s.to = from, to
		strips[connector] = s
	}
	return strips
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// kind is the class that a span is drawn with.
func (s *span) kind() string {
	switch {
	case s.offline:
		return "away"
	case s.power:
		return "power"
	}
	return statusKind(s.status)
}

func (s *span) word() string {
	switch {
	case s.offline:
		return "offline"
	case s.power:
		return "power fault"
	}
	return statusWord(s.status)
}

const stripWidth = 1000

// x is where a time is in a strip, and width how long a span is.
func (s *strip) x(at time.Time) string { return fmt.Sprintf("%.1f", s.units(at.Sub(s.from))) }

func (s *strip) width(of *span) string {
	return fmt.Sprintf("%.1f", max(s.units(of.to.Sub(of.from)), 3)) // what is shorter is seen all the same
}

func (s *strip) units(d time.Duration) float64 {
	return stripWidth * float64(d) / float64(s.to.Sub(s.from))
}

// summary says how long a connector did what, the longest first: the first so many, or all
// where that is 0.
func (s *strip) summary(most int) string {
	lasted := map[string]time.Duration{}
	var words []string
	for i := range s.spans {
		word := s.spans[i].word()
		if _, ok := lasted[word]; !ok {
			words = append(words, word)
		}
		lasted[word] += s.spans[i].to.Sub(s.spans[i].from)
	}
	slices.SortStableFunc(words, func(a, b string) int { return int(lasted[b] - lasted[a]) })
	words = slices.DeleteFunc(words, func(word string) bool { return lasted[word] < time.Second })
	if most > 0 && len(words) > most {
		words = words[:most]
	}
	for i, word := range words {
		words[i] = word + " " + lasting(lasted[word])
	}
	return strings.Join(words, ", ")
}
