package charging

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/apps/charging/station"
	"github.com/aether-es/aether/deadline"
)

// Signs of life are in no event. That a station came online sets a deadline for its
// silence, so that a restart knows whom to watch; when it is due, the last sign that was
// heard says whether it is, or when to look again.

// presence is who was heard, and when. It is safe for concurrent use.
type presence struct {
	started atomic.Int64 // when this node began to watch, in microseconds
	seenBy  sync.Map     // *sign by station
}

// sign is the last sign of life of a station.
type sign struct {
	heard    atomic.Int64 // in microseconds, by our clock
	skew     atomic.Int64 // of its clock, in microseconds
	skewed   atomic.Bool  // whether that is known
	declared atomic.Bool  // it was declared silent, and is connected still
	metered  atomic.Int64 // the connector whose values came without a transaction; severalConnectors
}

const severalConnectors = -1

// restart says that this node begins to watch.
func (p *presence) restart(now time.Time) { p.started.Store(now.UnixMicro()) }

// clear says that it has ended; what it has heard is past.
func (p *presence) clear() { p.seenBy.Clear() }

func (p *presence) of(id string) *sign {
	if s, ok := p.seenBy.Load(id); ok {
		return s.(*sign)
	}
	s, _ := p.seenBy.LoadOrStore(id, new(sign))
	return s.(*sign)
}

// heard notes a sign of life, and says whether the station was declared silent before.
func (p *presence) heard(id string, now time.Time) (back bool) {
	s := p.of(id)
	s.heard.Store(now.UnixMicro())
	return s.declared.Load() && s.declared.CompareAndSwap(true, false)
}

// clock notes what a station's clock shows.
func (p *presence) clock(id string, shows, now time.Time) {
	if shows.IsZero() {
		return
	}
	s := p.of(id)
	s.skew.Store(shows.Sub(now).Microseconds())
	s.skewed.Store(true)
}

// meteredUnnumbered notes that values of a connector came without a transaction's ID.
func (p *presence) meteredUnnumbered(id string, connector int) {
	if s := p.of(id); !s.metered.CompareAndSwap(0, int64(connector)) && s.metered.Load() != int64(connector) {
		s.metered.Store(severalConnectors)
	}
}

// unnumbered returns the connector that a stop without a transaction's ID is of, 0 when
// that is not known.
func (p *presence) unnumbered(id string) int { return int(max(p.of(id).metered.Load(), 0)) }

// stopped forgets it: the stop is recorded.
func (p *presence) stopped(id string) { p.of(id).metered.Store(0) }

// seen returns the last sign of life of a station, zero when this node has heard none, and
// by how many seconds its clock was ahead, nil when that is not known.
func (p *presence) seen(id string) (last time.Time, skew *float64) {
	value, ok := p.seenBy.Load(id)
	if !ok {
		return time.Time{}, nil
	}
	s := value.(*sign)
	if heard := s.heard.Load(); heard != 0 {
		last = time.UnixMicro(heard).UTC()
	}
	if s.skewed.Load() {
		seconds := time.Duration(s.skew.Load() * int64(time.Microsecond)).Seconds()
		skew = &seconds
	}
	return last, skew
}

// dueSilence is the name of the deadline.
const dueSilence = "silence"

// silent declares a station offline that was not heard for too long. One that was online
// before a restart has some time to come back.
func (c *Charging) silent(ctx context.Context, d deadline.Deadline, epoch int64) error {
	id, now := key(d.ActorID), c.now()
	last, _ := c.presence.seen(id)
	due := time.UnixMicro(c.presence.started.Load()).Add(c.config.Grace)
	if !last.IsZero() {
		due = last.Add(c.config.Silence)
	}
	if now.Before(due) {
		return deadline.Later(due)
	}
	s := c.presence.of(id)
	s.declared.Store(true)
	_, err := c.stations.Record(ctx, d.ActorID, station.Disconnected{Epoch: epoch, Reason: station.Silent, Heard: last, At: now},
		&actor.DoOptions{CommandID: d.CommandID, Metadata: aether.Metadata{CorrelationID: d.Event.Metadata.CorrelationID}})
	if heard, _ := c.presence.seen(id); err == nil && heard.After(last) { // just in that moment
		s.declared.Store(false)
		c.cameBack(ctx, id)
	}
	return err
}
