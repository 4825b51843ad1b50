package modeltest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
)

// client does one thing after another.
func (w *history) client(ctx context.Context, number int, acts []act) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Minute) // long after all trouble is over
	defer cancel()
	var seen aether.Version // of the station of its last answer
	at := -1
	for i, a := range acts {
		<-time.After(a.Pause)
		a.Station %= w.plan.Stations
		id := fmt.Sprintf("client-%d.%d", number, i)
		if a.What == doesLook {
			w.lookAt(ctx, a)
			continue
		}
		options := &actor.DoOptions{CommandID: id}
		if a.Seen && at == a.Station && a.What != doesBeat {
			options.At = new(seen)
		}
		w.send(id, stationID(a.Station))
		r := w.ask(ctx, a, options)
		w.log("%s is answered %+v", id, r)
		if err := w.answer(id, r); err != nil {
			w.problem("%v", err)
		}
		if !r.refused {
			seen, at = r.version, a.Station
		}
	}
}

// lookAt notes what a host has in memory. A host that dies meanwhile may not answer
// before the end.
func (w *history) lookAt(ctx context.Context, a act) {
	n := w.reach(a.Node)
	w.wg.Go(func() { _ = w.see(ctx, fmt.Sprintf("node %d", n.number), n.host, stationID(a.Station)) })
}

// reach returns a process that can be asked, if possible a certain one.
func (w *history) reach(number int) *node {
	for {
		w.mu.Lock()
		for _, i := range []int{number, 1 - number} {
			if n := w.nodes[i]; n != nil {
				w.mu.Unlock()
				return n
			}
		}
		w.mu.Unlock()
		<-time.After(100 * time.Millisecond)
	}
}

// ask sends a command until it is answered.
func (w *history) ask(ctx context.Context, a act, options *actor.DoOptions) reply {
	n := w.reach(a.Node)
	for {
		from := w.latest(ctx, a.Station)
		result, err := w.try(ctx, n, a, options)
		r := reply{events: len(result.Events), version: result.Version, at: options.At, from: from, to: w.latest(ctx, a.Station)}
		switch {
		case err == nil:
			return r
		case errors.Is(err, aether.ErrRefused):
			r.refused = true
			return r
		case options.At != nil && errors.Is(err, aether.ErrVersionConflict):
			r.refused, r.conflict = true, true
			return r
		case ctx.Err() != nil:
			w.problem("%s has no answer: %v", options.CommandID, err)
			return r
		}
		impatient := errors.Is(err, context.DeadlineExceeded)
		a.Patience = 0
		<-time.After(50 * time.Millisecond)
		// A host that still lives may have the command at work, and is asked again.
		if !impatient || n.isDead() {
			a.Node = 1 - a.Node
			n = w.reach(a.Node)
		}
	}
}

// latest returns the version that the store has.
func (w *history) latest(ctx context.Context, number int) aether.Version {
	version, err := w.store.GetLatestVersion(ctx, stationID(number))
	if err != nil {
		w.problem("latest version: %v", err)
	}
	return version
}

func (w *history) try(ctx context.Context, n *node, a act, options *actor.DoOptions) (actor.Result[happened], error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(n.ctx, cancel)() // the connection breaks
	if a.Patience > 0 {
		ctx, cancel = context.WithTimeout(ctx, a.Patience)
		defer cancel()
	}
	id := stationID(a.Station)
	switch a.What {
	case doesUnlock:
		return n.host.Do(ctx, id, askUnlock{options.CommandID}, options)
	case doesBeat:
		return n.host.Record(ctx, id, beat{}, options)
	case doesLock:
		return n.host.Do(ctx, id, lock{}, options)
	}
	if options.At != nil {
		return n.host.Do(ctx, id, fault{a.What == doesFault}, options)
	}
	return n.host.Record(ctx, id, fault{a.What == doesFault}, options)
}
