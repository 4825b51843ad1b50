package rover

import (
	"context"
	"slices"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/rover/grid"
	"github.com/aether-es/aether/readdb"
	"github.com/danielgtaylor/huma/v2"
)

// errNoGrid says that there is no such grid, or was none at that time.
var errNoGrid = aether.Refuse(grid.NoGrid, "there is no such grid, or was none then")

// List returns a page of the grids, those first that changed last.
func (s *Rover) List(_ context.Context, cursor string, limit int) (SummaryPage, error) {
	return list(s.projector.Space(), cursor, limit)
}

func list(from readdb.Reader, cursor string, limit int) (SummaryPage, error) {
	page, err := summaries.List(from, &readdb.ListOptions{Index: byUpdated, Reverse: true, After: cursor, Limit: limit})
	if err != nil {
		return SummaryPage{}, err
	}
	return SummaryPage{Grids: append([]Summary{}, page.Documents...), Next: page.Next}, nil
}

// Grid returns a grid as it was at a version, or, for 0, as the read model has it; that
// waits until what happened at the position after is in it.
func (s *Rover) Grid(ctx context.Context, id string, version aether.Version, after aether.Position) (GridDocument, error) {
	if version != 0 {
		return s.replay(ctx, id, func(e aether.Event) bool { return e.Version <= version })
	}
	if after != 0 {
		if err := s.awaitPosition(ctx, after); err != nil {
			return GridDocument{}, err
		}
	}
	d, found, err := grids.Get(s.projector.Space(), id)
	if err == nil && !found {
		err = errNoGrid
	}
	return d, err
}

// GridAt returns a grid as it was at a time.
func (s *Rover) GridAt(ctx context.Context, id string, at time.Time) (GridDocument, error) {
	return s.replay(ctx, id, func(e aether.Event) bool { return !e.Time.After(at) })
}

// replay makes the document of the first events of a grid: the log knows every state
// that ever was.
func (s *Rover) replay(ctx context.Context, id string, until func(e aether.Event) bool) (GridDocument, error) {
	var d GridDocument
	for e, err := range s.store.GetEvents(ctx, actorID(id), 0) {
		if err != nil {
			return d, err
		}
		if !until(e) {
			break
		}
		event, err := s.events.Decode(e)
		if err != nil {
			return d, err
		}
		step := moment{e.Version, e.Position, e.Time}
		if created, ok := event.(grid.GridCreated); ok {
			d = newDocument(id, created, step)
		} else {
			d.apply(event, step)
		}
	}
	if d.Version == 0 {
		return d, errNoGrid
	}
	return d, nil
}

// Events returns a page of what happened to a grid, the newest first: before a
// version, 0 for all.
func (s *Rover) Events(ctx context.Context, id string, before aether.Version, limit int) (EventPage, error) {
	page := EventPage{Events: []EventDocument{}}
	latest, err := s.store.GetLatestVersion(ctx, actorID(id))
	if err != nil {
		return page, err
	}
	if latest == 0 {
		return page, errNoGrid
	}
	if before == 0 || before > latest {
		before = latest + 1
	}
	first := before - min(before, aether.Version(limit)+1)
	for e, err := range s.store.GetEvents(ctx, actorID(id), first) {
		if err != nil {
			return page, err
		}
		if e.Version >= before {
			break
		}
		page.Events = append(page.Events, EventDocument{e.Version, e.Position, e.Type, e.Data, e.Time, e.Metadata.CorrelationID})
	}
	slices.Reverse(page.Events)
	page.More = first > 0
	return page, nil
}

// awaitPosition lets a query see what its caller has done.
func (s *Rover) awaitPosition(ctx context.Context, position aether.Position) error {
	ctx, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()
	if err := s.projector.Wait(ctx, position); err != nil {
		return huma.Error503ServiceUnavailable("the read model has not come that far yet; try again")
	}
	return nil
}
