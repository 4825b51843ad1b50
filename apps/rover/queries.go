package rover

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/rover/grid"
	"github.com/aether-es/aether/projection"
	"github.com/aether-es/aether/readdb"
)

// NoVersion is the reason of the refusal of a version that a grid does not have yet.
const NoVersion = "no-version"

// VersionFacts are the facts of such a refusal.
type VersionFacts struct {
	Latest aether.Version `json:"latest"`
}

// errNoGrid says that there is no such grid, or was none at that time.
var errNoGrid = aether.Refuse(grid.NoGrid, "there is no such grid, or was none then")

// catchUp is how long a query waits at most for what its caller has just done.
const catchUp = 5 * time.Second

// List returns a page of the grids, those first that changed last.
func (s *Rover) List(_ context.Context, cursor string, limit int) (SummaryPage, error) {
	if err := s.projector.Ready(); err != nil {
		return SummaryPage{}, err
	}
	return list(s.projector.Space(), cursor, limit)
}

func list(from readdb.Reader, cursor string, limit int) (SummaryPage, error) {
	page, err := summaries.List(from, &readdb.ListOptions{Index: byUpdated, Reverse: true, After: cursor, Limit: limit})
	if err != nil {
		return SummaryPage{}, err
	}
	return SummaryPage{Grids: append([]Summary{}, page.Documents...), Next: page.Next}, nil
}

// Grid returns a grid as it was at a version, or, for 0, as the read model has it. What
// happened at the position after is known to it: it waits for that, for a while, and
// fails with [projection.ErrBehind]. A version that is still to come is a refusal.
func (s *Rover) Grid(ctx context.Context, id string, version aether.Version, after aether.Position) (GridDocument, error) {
	if version != 0 {
		return s.past(ctx, id, after, func(latest aether.Version) (aether.Version, error) {
			if version > latest {
				refusal := aether.Refuse(NoVersion, "the latest version of the grid is %d", latest)
				refusal.Facts = VersionFacts{latest}
				return 0, refusal
			}
			return version / milestoneEvery, nil
		}, func(e aether.Event) bool { return e.Version <= version })
	}
	if !grid.ValidName(id) {
		return GridDocument{}, errNoGrid
	}
	if after != 0 {
		ctx, cancel := context.WithTimeout(ctx, catchUp)
		defer cancel()
		if err := s.projector.Wait(ctx, after); err != nil {
			return GridDocument{}, err
		}
	}
	if err := s.projector.Ready(); err != nil {
		return GridDocument{}, err
	}
	view, err := s.projector.Space().View()
	if err != nil {
		return GridDocument{}, err
	}
	defer view.Close()
	d, found, err := assemble(view, id)
	if err == nil && !found {
		err = errNoGrid
	}
	return d, err
}

// GridAt returns a grid as it was at a time; for after see [Rover.Grid].
func (s *Rover) GridAt(ctx context.Context, id string, at time.Time, after aether.Position) (GridDocument, error) {
	return s.past(ctx, id, after, func(latest aether.Version) (aether.Version, error) {
		first, beyond := aether.Version(0), latest/milestoneEvery+1
		for first+1 < beyond { // the milestone first is not later than at, the milestone beyond is
			n := (first + beyond) / 2
			d, found, err := s.milestone(id, n)
			if err != nil {
				return 0, err
			}
			if found && !d.Updated.After(at) {
				first = n
			} else {
				beyond = n
			}
		}
		return first, nil
	}, func(e aether.Event) bool { return !e.Time.After(at) })
}

// past makes the document of the first events of a grid: the log knows every state that
// ever was. It begins at a milestone, so it reads few events however many there are;
// which one follows from the latest version.
func (s *Rover) past(ctx context.Context, id string, after aether.Position,
	begin func(latest aether.Version) (milestone aether.Version, err error), until func(e aether.Event) bool) (d GridDocument, err error) {
	if !grid.ValidName(id) {
		return d, errNoGrid
	}
	if err := s.inLog(ctx, after); err != nil {
		return d, err
	}
	latest, err := s.parts.Store.GetLatestVersion(ctx, actorID(id))
	if err != nil {
		return d, err
	}
	if latest == 0 {
		return d, errNoGrid
	}
	n, err := begin(latest)
	if err != nil {
		return d, err
	}
	for found := false; n > 0 && !found; n-- { // the read model may lack the last ones yet
		if d, found, err = s.milestone(id, n); err != nil {
			return d, err
		}
	}
	for e, err := range s.parts.Store.GetEvents(ctx, actorID(id), d.Version) {
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

// inLog fails with [projection.ErrBehind] when the log has not come to a position. What
// is asked of the log need not wait: a command is answered when it is there.
func (s *Rover) inLog(ctx context.Context, position aether.Position) error {
	if position == 0 {
		return nil
	}
	latest, err := s.parts.Store.GetLatestPosition(ctx)
	if err == nil && latest < position {
		err = fmt.Errorf("%w: the log ends at %d", projection.ErrBehind, latest)
	}
	return err
}

// milestone returns a grid as it was at the n-th multiple of [milestoneEvery], if the
// read model has that.
func (s *Rover) milestone(id string, n aether.Version) (GridDocument, bool, error) {
	if s.projector.Ready() != nil {
		return GridDocument{}, false, nil
	}
	m, found, err := milestones.Get(s.projector.Space(), milestoneKey(id, n*milestoneEvery))
	return m.Grid, found, err
}

func milestoneKey(id string, version aether.Version) string {
	return id + "/" + strconv.FormatUint(uint64(version), 10)
}

// Events returns a page of what happened to a grid, the newest first: before a
// version, 0 for all.
func (s *Rover) Events(ctx context.Context, id string, before aether.Version, limit int) (EventPage, error) {
	page := EventPage{Events: []EventDocument{}}
	if !grid.ValidName(id) {
		return page, errNoGrid
	}
	latest, err := s.parts.Store.GetLatestVersion(ctx, actorID(id))
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
	for e, err := range s.parts.Store.GetEvents(ctx, actorID(id), first) {
		if err != nil {
			return page, err
		}
		if e.Version >= before {
			break
		}
		data, err := s.events.Newest(e)
		if err != nil {
			return page, err
		}
		page.Events = append(page.Events, EventDocument{e.Version, e.Position, e.Type, data, e.Time, e.Metadata.CorrelationID})
	}
	slices.Reverse(page.Events)
	page.More = first > 0
	return page, nil
}
