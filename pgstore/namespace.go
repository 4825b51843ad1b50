package pgstore

import (
	"context"
	"iter"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/aether-es/aether"
)

// namespace is the event store of one namespace.
type namespace struct {
	store *Store
	name  string
	queue queue
	hints hints // used by the committer alone
	sent  binder
	grown growth
}

var (
	_ aether.EventStore    = (*namespace)(nil)
	_ aether.SnapshotStore = (*namespace)(nil)
)

func newNamespace(s *Store, name string) *namespace {
	n := &namespace{store: s, name: name, hints: newHints(s.options.hints)}
	n.queue.init()
	return n
}

// GetLatestVersion is described at [aether.EventStore].
func (n *namespace) GetLatestVersion(ctx context.Context, actorID string) (aether.Version, error) {
	if err := aether.CheckActorID(actorID); err != nil {
		return 0, err
	}
	return n.number(ctx, "get the latest version", &n.store.sql.latestVersion, func(p *parameters) {
		p.text(n.name)
		p.text(actorID)
	})
}

// GetEventVersion is described at [aether.EventStore].
func (n *namespace) GetEventVersion(ctx context.Context, actorID, eventID string) (aether.Version, error) {
	if err := aether.CheckActorID(actorID); err != nil {
		return 0, err
	}
	if len(eventID) > aether.MaxNameLength || !storable(eventID) {
		eventID = "" // which no event has
	}
	return n.number(ctx, "get the version of an event", &n.store.sql.eventVersion, func(p *parameters) {
		p.text(n.name)
		p.text(actorID)
		p.text(eventID)
	})
}

// number runs a query for one number, which is 0 where there is no row.
func (n *namespace) number(ctx context.Context, op string, st *statement, bind func(p *parameters)) (aether.Version, error) {
	var found uint64
	err := n.store.query(ctx, op, st, bind, fromScratch, func(row [][]byte) (err error) {
		found, err = toInt8(row[0])
		return err
	})
	return aether.Version(found), err
}

// storable says whether the server takes a text. What it does not take is nowhere.
func storable(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

// How much is read at once. The first page of events is bounded by their number, as
// nothing is known of their size; what comes of it beyond the bytes is dropped and read
// again.
const (
	maxPage       = 1 << 20 // bytes
	firstPage     = 256     // events
	largestPage   = 2000    // events
	actorsPerPage = 1000
)

// pager decides how many events to ask for.
type pager struct {
	limit, bytes int

	count, size int // of the page that is being read
	full        bool
}

// next returns how many events to ask for.
func (p *pager) next(bytes int) int {
	if p.bytes == 0 {
		p.bytes, p.limit = bytes, firstPage
	} else if p.count > 0 {
		p.limit = min(max(p.bytes/(p.size/p.count+1), 1), largestPage)
	}
	return p.limit
}

// begin starts a page.
func (p *pager) begin() { p.count, p.size, p.full = 0, 0, false }

// takes says whether an event still belongs to the page.
func (p *pager) takes(row [][]byte) bool {
	if p.full {
		return false
	}
	size := 0
	for _, column := range row {
		size += len(column)
	}
	if p.count > 0 && p.size+size > p.bytes+p.bytes/2 {
		p.full = true
		return false
	}
	p.count++
	p.size += size
	return true
}

// more says whether there may be events behind the page.
func (p *pager) more() bool { return p.full || p.count == p.limit }

// GetEvents is described at [aether.EventStore].
func (n *namespace) GetEvents(ctx context.Context, actorID string, after aether.Version) iter.Seq2[aether.Event, error] {
	return func(yield func(aether.Event, error) bool) {
		if err := aether.CheckActorID(actorID); err != nil {
			yield(aether.Event{}, err)
			return
		}
		var (
			pages  pager
			space  decoder
			events []aether.Event
			after  = min(after, math.MaxInt64)
		)
		for {
			limit := pages.next(n.store.options.pageSize)
			events = make([]aether.Event, 0, len(events))
			err := n.store.query(ctx, "get events", &n.store.sql.events, func(p *parameters) {
				p.text(n.name)
				p.text(actorID)
				p.int8(uint64(after))
				p.int8(uint64(limit))
			}, func() {
				pages.begin()
				events = events[:0]
			}, func(row [][]byte) error {
				if !pages.takes(row) {
					return nil
				}
				e, err := space.event(row)
				events = append(events, e)
				return err
			})
			if err != nil {
				yield(aether.Event{}, err)
				return
			}
			if !yieldAll(ctx, events, yield) || !pages.more() {
				return
			}
			after = events[len(events)-1].Version
		}
	}
}

// yieldAll yields what a page has, until the loop is left or ctx is done.
func yieldAll[T any](ctx context.Context, page []T, yield func(T, error) bool) bool {
	for i := range page {
		if err := ctx.Err(); err != nil {
			var none T
			yield(none, err)
			return false
		}
		if !yield(page[i], nil) {
			return false
		}
	}
	return true
}

// GetActors is described at [aether.EventStore].
func (n *namespace) GetActors(ctx context.Context, kind string) iter.Seq2[aether.Actor, error] {
	return func(yield func(aether.Actor, error) bool) {
		after, before := actorRange(kind)
		for {
			var actors []aether.Actor
			err := n.store.query(ctx, "get actors", &n.store.sql.actors, func(p *parameters) {
				p.text(n.name)
				p.text(after)
				p.text(before)
				p.int8(actorsPerPage)
			}, func() { actors = nil }, func(row [][]byte) error {
				version, err := toInt8(row[1])
				actors = append(actors, aether.Actor{ID: string(row[0]), Version: aether.Version(version)})
				return err
			})
			if err != nil {
				yield(aether.Actor{}, err)
				return
			}
			if !yieldAll(ctx, actors, yield) || len(actors) < actorsPerPage {
				return
			}
			after = actors[len(actors)-1].ID
		}
	}
}

// actorRange returns between which texts the IDs of the actors of a kind are.
func actorRange(kind string) (after, before string) {
	switch {
	case kind == "":
		return "", strings.Repeat("\U0010ffff", aether.MaxNameLength/4+1) // longer than any ID, of the last character
	case strings.Contains(kind, "/") || !storable(kind) || len(kind) > aether.MaxNameLength:
		return "/", "/" // no actor is of such a kind
	}
	return kind + "/", kind + "0" // the character behind the slash
}
