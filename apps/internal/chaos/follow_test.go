package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/node"
	"github.com/aether-es/aether/apps/rover"
)

// seen is what somebody has seen of the log: event by event, in the order in which they
// came. An event is kept as a sum of all that it says.
type seen struct {
	who  string
	sums []uint64
	last atomic.Uint64 // position
}

// sums makes sums of events, as the log has them and as others are told of them: the
// members of their data may have another order then.
type sums struct{ seed maphash.Seed }

func (s sums) of(position aether.Position, subject string, version aether.Version, kind string, data []byte) uint64 {
	var members any
	if json.Unmarshal(data, &members) == nil {
		data, _ = json.Marshal(members)
	}
	return maphash.String(s.seed, fmt.Sprintf("%d %s %d %s %s", position, subject, version, kind, data))
}

// followers watch what happens while things break.
type followers struct {
	*rig
	sums    sums
	ledger  *ledger
	running sync.WaitGroup // until they have seen the end
	log     sync.WaitGroup // until it is ended
	ended   context.CancelFunc
	end     atomic.Uint64 // the last position, when there will be no more

	paging []*seen // of the integration events, one of each node
	engine *seen   // of the log, in this process

	mu     sync.Mutex
	grids  map[string][]uint64 // by version, from 1: what was read of the history of grids
	stale  int                 // reads that missed what was acknowledged before
	looked int
}

// follow starts them.
func (r *rig) follow(l *ledger) *followers {
	f := &followers{rig: r, sums: sums{maphash.MakeSeed()}, ledger: l, grids: make(map[string][]uint64)}
	ctx, cancel := context.WithCancel(context.Background())
	f.ended = cancel
	r.t.Cleanup(cancel)
	store, closes, err := r.open(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	f.engine = &seen{who: "the test's own engine"}
	f.log.Go(func() {
		for e, err := range store.FollowLog(ctx, 0, nil) {
			if err != nil {
				if ctx.Err() == nil {
					r.t.Errorf("FollowLog: after position %d: %v", f.engine.last.Load(), err)
				}
				break
			}
			f.engine.sums = append(f.engine.sums, f.sums.of(e.Position, e.ActorID, e.Version, e.Type, e.Data))
			f.engine.last.Store(uint64(e.Position))
		}
		if err := closes(); err != nil {
			r.t.Error(err)
		}
	})
	f.running.Go(func() {
		for !f.over(f.engine) && pause(ctx, 20*time.Millisecond) {
		}
	})
	for _, n := range r.nodes {
		s := &seen{who: n.name}
		f.paging = append(f.paging, s)
		f.running.Go(func() { f.page(ctx, n, s) })
		if n.roles.Has(node.Query) {
			f.running.Go(func() { f.look(ctx, n) })
		}
	}
	return f
}

// over says whether somebody has seen the last event of all.
func (f *followers) over(s *seen) bool {
	end := f.end.Load()
	return end != 0 && s.last.Load() >= end
}

// finish returns when all of them have seen the log up to a position, or do not come any
// further; the audit tells.
func (f *followers) finish(end aether.Position) {
	f.end.Store(uint64(end))
	late := time.AfterFunc(time.Minute, f.ended)
	defer late.Stop()
	f.running.Wait()
	f.ended()
	f.log.Wait()
}

// cloudEvent is what a reader of integration events looks at.
type cloudEvent struct {
	Type     string
	Subject  string
	Sequence string
	Position string
	Data     rover.Moment
}

// page reads the integration events of a node, page by page, whatever becomes of it.
func (f *followers) page(ctx context.Context, n *server, s *seen) {
	after := ""
	for !f.over(s) && pause(ctx, 100*time.Millisecond) {
		status, body, err := f.get(ctx, n.url+"/api/integration/rover?limit=1000&after="+url.QueryEscape(after), 10*time.Second)
		if err != nil || status == http.StatusServiceUnavailable {
			continue
		}
		var page struct {
			Events []cloudEvent
			Next   string
		}
		if status != http.StatusOK || json.Unmarshal(body, &page) != nil {
			f.journal.Printf("the page of %s after number %d is %d", n.name, len(s.sums), status)
			f.t.Errorf("%s: the page of integration events after number %d is %d %.500s", n.name, len(s.sums), status, body)
			return
		}
		for _, e := range page.Events {
			position, err := strconv.ParseUint(e.Position, 10, 64)
			if err != nil || e.Sequence != fmt.Sprint(len(s.sums)+1) || position <= s.last.Load() {
				f.t.Errorf("%s: integration event %s at position %s follows number %d at %d: %v", n.name, e.Sequence, e.Position, len(s.sums), s.last.Load(), err)
				return
			}
			s.last.Store(position)
			s.sums = append(s.sums, f.sums.of(aether.Position(position), e.Subject, e.Data.Version, e.Type[len("aether.rover."):], e.Data.Event))
		}
		after = page.Next
	}
}

// look reads what happened to grids: it never changes, has no holes, and has all that
// was acknowledged before.
func (f *followers) look(ctx context.Context, n *server) {
	for i := 0; f.end.Load() == 0 && pause(ctx, 100*time.Millisecond); i++ {
		grid := shared()[i%len(shared())]
		before := f.ledger.known(grid)
		status, body, err := f.get(ctx, fmt.Sprintf("%s/api/rover/grids/%s/events?limit=100", n.url, grid), 10*time.Second)
		if err != nil || status == http.StatusServiceUnavailable || status == http.StatusNotFound && before == 0 {
			continue
		}
		var page rover.EventPage
		if status != http.StatusOK || json.Unmarshal(body, &page) != nil || len(page.Events) == 0 {
			f.t.Errorf("%s: the history of %s, which has %d events, is %d %.500s", n.name, grid, before, status, body)
			return
		}
		f.compare(n.name, grid, before, page.Events)
	}
}

// compare enters a page of a grid's history, the newest event first.
func (f *followers) compare(who, grid string, before aether.Version, events []rover.EventDocument) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looked++
	if events[0].Version < before {
		f.stale++
	}
	for i, e := range events {
		if e.Version+aether.Version(i) != events[0].Version {
			f.t.Errorf("%s: in the history of %s version %d follows %d", who, grid, e.Version, events[i-1].Version)
			return
		}
		for aether.Version(len(f.grids[grid])) < e.Version {
			f.grids[grid] = append(f.grids[grid], 0)
		}
		was, is := &f.grids[grid][e.Version-1], f.sums.of(e.Position, "grid/"+grid, e.Version, e.Type, e.Data)
		if *was != 0 && *was != is {
			f.t.Errorf("%s: version %d of %s is another one than before: %s at %d", who, e.Version, grid, e.Type, e.Position)
		}
		*was = is
	}
}
