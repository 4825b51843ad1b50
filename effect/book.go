package effect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/schema"
)

// book has the open effects as of a position of the log. It is nothing but what
// the events up to there say, in their order, so everybody who reads them comes to
// the same book.
type book struct {
	effects  map[string]*Effect
	coverage map[string][]started // per effect, from its marker
	facts    *schema.Registry[fact]
	logger   *slog.Logger

	mu       sync.Mutex
	position aether.Position
	entries  map[string]*entry
	lines    map[lineKey]*line
	applied  int // events since the last checkpoint

	// touched is told of each line that has changed, with mu held.
	touched func(*line)
}

// insert adds an entry. With mu held.
func (b *book) insert(e *entry) {
	key := keyOf(e)
	l := b.lines[key]
	if l == nil {
		l = &line{key: key}
		b.lines[key] = l
	}
	l.add(e)
	b.entries[e.ID] = e
	b.changed(e)
}

// remove takes a closed entry out. With mu held.
func (b *book) remove(e *entry) {
	delete(b.entries, e.ID)
	l := e.line
	l.remove(e)
	b.touch(l)
}

// changed has an entry's line planned, because of what was changed in the entry. With
// mu held.
func (b *book) changed(e *entry) {
	if b.touched != nil && !e.changed {
		e.changed = true
		e.line.changed = append(e.line.changed, e)
	}
	b.touch(e.line)
}

func (b *book) touch(l *line) {
	if b.touched != nil {
		b.touched(l)
	} else {
		b.drop(l)
	}
}

// drop forgets a line that is empty. With mu held.
func (b *book) drop(l *line) {
	if l.open == 0 && !l.busy && b.lines[l.key] == l {
		delete(b.lines, l.key)
	}
}

// filter narrows the log to what feed understands.
func (b *book) filter(to aether.Position) *aether.LogOptions {
	options := &aether.LogOptions{To: to, Kinds: []string{kind}, Types: b.facts.Types()}
	allKinds, allTypes := false, false
	for _, x := range b.effects {
		allKinds, allTypes = allKinds || len(x.Kinds) == 0, allTypes || len(x.Types) == 0
		options.Kinds = append(options.Kinds, x.Kinds...)
		options.Types = append(options.Types, x.Types...)
	}
	if allKinds {
		options.Kinds = nil
	}
	if allTypes {
		options.Types = nil
	}
	return options
}

// advance reads the log up to a position.
func (b *book) advance(ctx context.Context, log aether.Log, to aether.Position) error {
	b.mu.Lock()
	after := b.position
	b.mu.Unlock()
	if after >= to {
		return nil
	}
	for event, err := range log.ReadLog(ctx, after, b.filter(to)) {
		if err != nil {
			return err
		}
		b.feed(event)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.position = max(b.position, to)
	return nil
}

// feed takes the next event of the log. Several readers may feed at the same time,
// each of which passes every event after the position it found: then whatever is
// at the position or before was there already.
func (b *book) feed(event aether.Event) {
	var asked []*entry
	if event.Kind() != kind {
		asked = b.requests(event)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if event.Position <= b.position {
		return
	}
	b.position = event.Position
	b.applied++
	if event.Kind() == kind {
		b.own(event)
		return
	}
	for _, e := range asked {
		b.insert(e)
	}
}

// requests returns the effects that an event asks for.
func (b *book) requests(event aether.Event) []*entry {
	var asked []*entry
	for _, x := range b.effects {
		if !b.covers(x, event) {
			continue
		}
		id := effectID(x.Name, event.ActorID, event.Version)
		request, ok, err := ask(x, id, event)
		if !ok && err == nil {
			continue
		}
		e := &entry{
			ID: id, Effect: x.Name,
			Cause: Cause{event.ActorID, event.Version, event.Position}, Target: request.Target,
			State: Pending, Since: event.Time,
		}
		if err != nil {
			b.logger.Error("effect: an event cannot be understood; its effect is listed as failed", "effect", e.ID, "error", err)
			e.State, e.Broken, e.Error = Failed, true, text(err)
		}
		asked = append(asked, e)
	}
	return asked
}

// covers says whether an event may cause an effect, which is so after the position
// at which the effect began with events of this kind and type.
func (b *book) covers(x *Effect, event aether.Event) bool {
	own := started{Kinds: x.Kinds, Types: x.Types}
	return own.selects(event.Kind(), event.Type) &&
		slices.ContainsFunc(b.coverage[x.Name], func(s started) bool {
			return s.Position < event.Position && s.selects(event.Kind(), event.Type)
		})
}

func (s *started) selects(kind, eventType string) bool {
	return (len(s.Kinds) == 0 || slices.Contains(s.Kinds, kind)) &&
		(len(s.Types) == 0 || slices.Contains(s.Types, eventType))
}

// includes says whether whatever other selects is selected.
func (s *started) includes(other started) bool {
	return subset(other.Kinds, s.Kinds) && subset(other.Types, s.Types)
}

// subset compares lists of which an empty one means all.
func subset(some, all []string) bool {
	return len(all) == 0 || len(some) > 0 && !slices.ContainsFunc(some, func(x string) bool { return !slices.Contains(all, x) })
}

// ask calls Request. A request that failed asked.
func ask(x *Effect, id string, event aether.Event) (request Request, asked bool, err error) {
	err = guarded(id, "Request", func() (err error) {
		request, asked, err = x.Request(event)
		return err
	})
	if err == nil && asked {
		err = request.check()
	}
	if err != nil {
		return Request{}, true, fmt.Errorf("request: %w", err)
	}
	return request, asked, nil
}

// own applies an event of an effect's stream. With mu held.
func (b *book) own(event aether.Event) {
	name := nameOf(event.ActorID)
	if b.effects[name] == nil {
		return // the marker, or another runner's
	}
	f, err := b.facts.Decode(event)
	e := b.entries[event.ActorID]
	if a, ok := f.(attempted); ok && e == nil {
		// Request says today that there is no such effect. It was called all the same,
		// and is not to be lost.
		e = &entry{ID: event.ActorID, Effect: name, Cause: a.Cause, Target: a.Target, State: Pending}
		b.insert(e)
	}
	if e == nil {
		return
	}
	if err != nil {
		b.logger.Error("effect: an event cannot be read; the effect is left alone", "effect", e.ID, "error", err)
		e.Version, e.Unreadable, e.Error = event.Version, true, err.Error()
		b.changed(e)
		return
	}
	if !e.evolve(event, f) {
		b.remove(e)
		return
	}
	e.line.track(e)
	b.changed(e)
}

// entry returns a copy of an open effect.
func (b *book) entry(id string) (entry, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.entries[id]; e != nil {
		return *e, true
	}
	return entry{}, false
}

// list returns the open effects in some states, all when none is named, in the
// order of their causes.
func (b *book) list(states []State, now time.Time, grace time.Duration) []Info {
	b.mu.Lock()
	defer b.mu.Unlock()
	var infos []Info
	for _, e := range b.entries {
		if info := e.info(b.effects[e.Effect], now, grace); len(states) == 0 || slices.Contains(states, info.State) {
			infos = append(infos, info)
		}
	}
	slices.SortFunc(infos, func(x, y Info) int {
		return cmp.Or(cmp.Compare(x.Cause.Position, y.Cause.Position), cmp.Compare(x.ID, y.ID))
	})
	return infos
}

// guarded calls a function of an effect, and makes an error of a panic.
func guarded(id, name string, f func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &actor.PanicError{ActorID: id, Func: name, Value: value, Stack: debug.Stack()}
		}
	}()
	return f()
}

// text returns an error within the limits of an event, and without the stack of a
// panic, which is for the log of the program.
func text(err error) string {
	text := err.Error()
	if panicked, ok := errors.AsType[*actor.PanicError](err); ok {
		text = strings.TrimSpace(strings.ReplaceAll(text, string(panicked.Stack), ""))
	}
	return shorten(text)
}

// shorten keeps a text within the limits of an event.
func shorten(text string) string {
	const most = 4000
	if len(text) > most {
		return text[:most] + " …"
	}
	return text
}
