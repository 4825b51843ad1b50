package projection

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/aether-es/aether"
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

// Status is how far a projector has come: with the copy of the documents that queries are
// answered from, and with the one that is built beside it, if there is one.
type Status struct {
	Name    string             `json:"name"`
	Version int                `json:"version"`
	Stream  integration.Stream `json:"stream"`
	CopyStatus
	Building *CopyStatus `json:"building,omitempty"`
}

// CopyStatus is how far a copy of the documents has come.
type CopyStatus struct {
	Space string `json:"space"`
	FollowerStatus
}

// Projector keeps one projection in a read DB up to date. It is made by [New] and is safe
// for concurrent use.
type Projector struct {
	db         *readdb.DB
	projection Projection
	history    integration.History
	bus        integration.Bus
	options    Options

	// telling is held while others are told of changes, so that all they hear after a
	// copy took the place of another is about that.
	telling sync.Mutex

	mu       sync.Mutex
	running  bool
	serving  *copied       // changes with telling held, too
	noted    bool          // that it has caught up once
	building *copied       // nil when none is
	rebuild  bool          // has been asked for
	changed  chan struct{} // closed and replaced when something of all this changes
	wake     chan struct{} // has an item when Run is to look
}

// ErrNotReady says that the documents are being made for the first time, or again because
// they were lost: what is not there yet may come.
var ErrNotReady = errors.New("projection: the read model is being made")

// New makes a projector; it is ready for queries when [Projector.Run] has looked at what
// is there. The bus may be nil: then it is up to date only when Run begins, and ends
// there. It panics when the projection is not complete.
func New(db *readdb.DB, projection Projection, history integration.History, bus integration.Bus, options *Options) (*Projector, error) {
	if projection.Name == "" || strings.ContainsAny(projection.Name, "/@") || projection.Apply == nil {
		panic(fmt.Sprintf("projection: %q lacks a name without / and @, or Apply", projection.Name))
	}
	p := &Projector{
		db: db, projection: projection, history: history, bus: bus, options: options.withDefaults(projection.Name),
		changed: make(chan struct{}), wake: make(chan struct{}, 1),
	}
	return p, p.load()
}

// Space returns the documents that queries are answered from. It changes when
// another version takes its place, so it is asked for each query anew. Until
// [Projector.Ready], documents may be missing in it.
func (p *Projector) Space() *readdb.Space {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.serving.space
}

// Ready returns nil once queries can be answered: what is not in the documents then, has
// not happened, or not long ago. Otherwise it is an [ErrNotReady].
func (p *Projector) Ready() error {
	if p.Status().Ready {
		return nil
	}
	return ErrNotReady
}

// Status returns how far the projector has come.
func (p *Projector) Status() Status {
	p.mu.Lock()
	serving, building := p.serving, p.building
	p.mu.Unlock()
	s := Status{Name: p.projection.Name, Version: p.projection.Version, Stream: p.history.Stream(), CopyStatus: serving.status()}
	if building != nil {
		status := building.status()
		s.Building = &status
	}
	return s
}

// Retry has the event tried again before which the projection stopped; [ErrNotStopped]
// if it did not.
func (p *Projector) Retry() error { return p.each((*Follower[*readdb.Tx]).Retry) }

// Skip passes over the event with this number, if it is the one before which the
// projection stopped, [ErrNotStopped] otherwise. When the documents are made again the
// projection stops there again.
func (p *Projector) Skip(sequence uint64) error {
	return p.each(func(f *Follower[*readdb.Tx]) error { return f.Skip(sequence) })
}

// each gives an order to the followers of both copies, and returns nil if one has taken
// it.
func (p *Projector) each(order func(f *Follower[*readdb.Tx]) error) error {
	p.mu.Lock()
	copies := []*copied{p.serving, p.building}
	p.mu.Unlock()
	err, taken := ErrNotStopped, false
	for _, c := range copies {
		if c != nil && c.follower != nil {
			if refused := order(c.follower); refused != nil {
				err = refused
			} else {
				taken = true
			}
		}
	}
	if taken {
		return nil
	}
	return err
}

// Rebuild makes all documents again, beside those that are there, which are kept up to
// date and answer queries until that is done.
func (p *Projector) Rebuild() {
	p.mu.Lock()
	p.rebuild = true
	p.mu.Unlock()
	p.look()
}

// look has Run look what there is to do.
func (p *Projector) look() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Wait is [Follower.Wait] for the documents that queries are answered from. Where these
// were made by another version, which this program cannot go on with, it does not wait.
func (p *Projector) Wait(ctx context.Context, position aether.Position) error {
	for {
		p.mu.Lock()
		serving, changed := p.serving, p.changed
		p.mu.Unlock()
		if serving.follower == nil {
			if serving.cursor.Position >= position {
				return nil
			}
			return fmt.Errorf("%w: it is that of another version, %s, until the present one is built", ErrBehind, serving.space.Name())
		}
		err := serving.follower.Wait(ctx, position)
		if !errors.Is(err, errRetired) {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrBehind, ctx.Err())
		}
	}
}

// update changes the projector, and wakes those who wait for a change.
func (p *Projector) update(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	close(p.changed)
	p.changed = make(chan struct{})
}
