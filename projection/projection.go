package projection

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/readdb"
)

// Projection makes documents of the events of one stream.
type Projection struct {
	// Name is that of the read model: "rover-grids". No slashes or at signs.
	Name string

	// Version is raised when the same events come to lead to other documents.
	Version int

	// Apply changes the documents because of an event. It depends on the event and on
	// the documents alone, and may be called again for the same event, upon the
	// documents as they were before.
	Apply func(tx *readdb.Tx, event integration.Event) error
}

// Options are the settings of a projector. Zero values are the defaults.
type Options struct {
	// Batch is how many events are applied at most before their changes are written,
	// 1000 by default.
	Batch int

	// Applied is called after each write, in order, with the events that are visible
	// from then on, unless the projector is catching up. It returns soon, and does not
	// keep the slice.
	Applied func(events []integration.Event)

	Logger *slog.Logger
}

// State is what a projector is doing.
type State string

// The states of a projector.
const (
	Starting   State = "starting"    // it does not know yet how far it is
	CatchingUp State = "catching up" // it applies what is in the history
	Live       State = "live"        // it has applied everything, and waits for more
	Stopped    State = "stopped"     // before an event that cannot be applied
)

// Status is how far a projector has come.
type Status struct {
	Name    string             `json:"name"`
	Version int                `json:"version"`
	State   State              `json:"state"`
	Stream  integration.Stream `json:"stream"`
	Cursor  integration.Cursor `json:"cursor"`

	// Serving is the space that queries are answered from, Building the one that is
	// being built beside it, "" when there is none.
	Serving  string `json:"serving"`
	Building string `json:"building,omitempty"`

	// Error is why it stopped, or what it tries again; At is the event before which it
	// stopped.
	Error string             `json:"error,omitempty"`
	At    *integration.Event `json:"at,omitempty"`
}

// Projector keeps one projection up to date. It is made by [New] and is safe for
// concurrent use.
type Projector struct {
	db         *readdb.DB
	projection Projection
	history    integration.History
	bus        integration.Bus
	options    Options

	mu      sync.Mutex
	running bool
	status  Status
	serving *readdb.Space
	place   *place // being written; nil before Run has begun
	applied chan struct{}
	order   order
	ordered chan struct{} // has an item when there is an order
}

// order is what an operator has asked for.
type order struct {
	retry   bool
	skip    uint64
	rebuild bool
}

// ErrRunning says that Run was called while another Run was under way.
var ErrRunning = errors.New("projection: it runs already")

// New makes a projector; queries may use its space at once. The bus may be nil: then
// it is up to date only when Run begins, and ends there. It panics when the
// projection is not complete.
func New(db *readdb.DB, projection Projection, history integration.History, bus integration.Bus, options *Options) (*Projector, error) {
	if projection.Name == "" || strings.ContainsAny(projection.Name, "/@") || projection.Apply == nil {
		panic(fmt.Sprintf("projection: %q lacks a name without / and @, or Apply", projection.Name))
	}
	p := &Projector{
		db: db, projection: projection, history: history, bus: bus,
		applied: make(chan struct{}), ordered: make(chan struct{}, 1),
	}
	if options != nil {
		p.options = *options
	}
	p.options.Batch = cmp.Or(max(p.options.Batch, 0), 1000)
	p.options.Logger = cmp.Or(p.options.Logger, slog.Default()).With("projection", projection.Name)
	p.status = Status{Name: projection.Name, Version: projection.Version, State: Starting, Stream: history.Stream()}
	return p, p.loadServing()
}

// Space returns the documents that queries are answered from. It changes when
// another version takes its place, so it is asked for each query anew.
func (p *Projector) Space() *readdb.Space {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.serving
}

// Status returns how far the projector has come.
func (p *Projector) Status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.status
}

// Retry has the event tried again before which the projection stopped.
func (p *Projector) Retry() { p.give(func(o *order) { o.retry = true }) }

// Skip passes over the event with this number, if it is the one before which the
// projection stopped. When the documents are made again the projection stops there
// again.
func (p *Projector) Skip(sequence uint64) { p.give(func(o *order) { o.skip = sequence }) }

// Rebuild makes all documents again, beside those that are there, which answer
// queries until that is done.
func (p *Projector) Rebuild() { p.give(func(o *order) { o.rebuild = true }) }

func (p *Projector) give(change func(o *order)) {
	p.mu.Lock()
	change(&p.order)
	p.mu.Unlock()
	select {
	case p.ordered <- struct{}{}:
	default:
	}
}

// takeOrder returns what was asked for since it was called last.
func (p *Projector) takeOrder() order {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.order
	p.order = order{}
	return o
}

// wakeWaiters lets those look again who wait in Wait; mu is held.
func (p *Projector) wakeWaiters() {
	close(p.applied)
	p.applied = make(chan struct{})
}

// set changes the status.
func (p *Projector) set(change func(s *Status)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.status)
}
