package rover

import (
	"fmt"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/rover/grid"
	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/projection"
	"github.com/aether-es/aether/readdb"
	"github.com/aether-es/aether/schema"
)

// The read model of a grid is in pieces, so that an event changes few bytes, however
// large the grid is and however many rovers are on it.
var (
	// terrains have what of a grid never changes.
	terrains = readdb.NewCollection("terrains", func(t terrain) string { return t.ID })

	rovers = readdb.NewCollection("rovers", func(r placed) string { return roverKey(r.Grid, r.ID) },
		readdb.Index[placed]{Name: byGrid, Values: func(r placed) []readdb.Value {
			return []readdb.Value{readdb.Tuple(readdb.Text(r.Grid), readdb.Int(int64(r.Number)))}
		}})

	summaries = readdb.NewCollection("summaries", func(s Summary) string { return s.ID },
		readdb.Index[Summary]{Name: byUpdated, Values: func(s Summary) []readdb.Value {
			return []readdb.Value{readdb.Time(s.Updated)}
		}})

	// milestones are the grids as they were at every version that is a multiple of
	// milestoneEvery, from where the way to any version is short.
	milestones = readdb.NewCollection("milestones", func(m Milestone) string { return milestoneKey(m.Grid.ID, m.Grid.Version) })
)

// milestoneEvery is how many events of a grid lie between two milestones.
const milestoneEvery = 1000

const (
	byGrid    = "grid"    // lists the rovers of a grid in the order in which they landed
	byUpdated = "updated" // lists the grids by the time of their last change
)

// terrain is a grid without what moves on it.
type terrain struct {
	ID        string       `json:"id"`
	Width     int          `json:"width"`
	Height    int          `json:"height"`
	Obstacles []grid.Point `json:"obstacles"`
	Created   time.Time    `json:"created"`
}

// placed is a rover on its grid.
type placed struct {
	Grid          string `json:"grid"`
	Number        int    `json:"number"` // 0 for the one that landed first
	RoverDocument        // but for its path
	Path          trail  `json:"path"`
}

func (p *placed) document() RoverDocument {
	d := p.RoverDocument
	d.Path = p.Path.path()
	return d
}

// apply changes the rover because of an event about it.
func (p *placed) apply(event grid.Event) {
	from := grid.Point{X: p.X, Y: p.Y}
	p.RoverDocument.apply(event)
	if to := (grid.Point{X: p.X, Y: p.Y}); to != from {
		p.Path.add(from, to)
	}
	p.RoverDocument.Path = nil
}

func roverKey(grid, rover string) string { return grid + "/" + rover }

// gridsProjection makes the read model.
func gridsProjection(events *schema.Registry[grid.Event]) projection.Projection {
	return projection.Projection{Name: "rover-grids", Version: 3, Apply: func(tx *readdb.Tx, e integration.Event) error {
		m, event, err := decodeMoment(events, e)
		if err != nil {
			return err
		}
		summary, found, err := summaries.Get(tx, m.Grid)
		if err != nil {
			return err
		}
		created, creates := event.(grid.GridCreated)
		if !found && !creates {
			return fmt.Errorf("grid %q was not created", m.Grid)
		}
		step := moment{m.Version, e.Position, e.Time}
		switch event := event.(type) {
		case grid.GridCreated:
			d := newDocument(m.Grid, created, step)
			summary = d.Summary()
			err = terrains.Put(tx, terrain{d.ID, d.Width, d.Height, d.Obstacles, d.Created})
		case grid.RoverLanded:
			rover := landed(event)
			rover.Path = nil
			err = rovers.Put(tx, placed{m.Grid, summary.Rovers, rover, trail{From: event.Point}})
			summary.Rovers++
		default:
			_, err = rovers.Update(tx, roverKey(m.Grid, mover(event)), func(r *placed) { r.apply(event) })
		}
		if err != nil {
			return err
		}
		summary.Version, summary.Position, summary.Updated = step.version, step.position, step.time
		if err := summaries.Put(tx, summary); err != nil {
			return err
		}
		if m.Version%milestoneEvery != 0 {
			return nil
		}
		d, _, err := assemble(tx, m.Grid)
		if err != nil {
			return err
		}
		return milestones.Put(tx, Milestone{d})
	}}
}

// assemble puts a grid together.
func assemble(r readdb.Reader, id string) (d GridDocument, found bool, err error) {
	summary, found, err := summaries.Get(r, id)
	if err != nil || !found {
		return d, found, err
	}
	t, _, err := terrains.Get(r, id)
	if err != nil {
		return d, false, err
	}
	d = GridDocument{
		ID: id, Width: t.Width, Height: t.Height, Obstacles: append([]grid.Point{}, t.Obstacles...), Rovers: []RoverDocument{},
		Version: summary.Version, Position: summary.Position, Created: t.Created, Updated: summary.Updated,
	}
	within := readdb.Under(readdb.Tuple(readdb.Text(id)))
	for rover, err := range rovers.All(r, &readdb.ListOptions{Index: byGrid, Range: within}) {
		if err != nil {
			return d, false, err
		}
		d.Rovers = append(d.Rovers, rover.document())
	}
	return d, true, nil
}

// moment is when something happened.
type moment struct {
	version  aether.Version
	position aether.Position
	time     time.Time
}

func newDocument(id string, e grid.GridCreated, m moment) GridDocument {
	return GridDocument{
		ID: id, Width: e.Width, Height: e.Height,
		Obstacles: append([]grid.Point{}, e.Obstacles...), Rovers: []RoverDocument{},
		Version: m.version, Position: m.position, Created: m.time, Updated: m.time,
	}
}

// apply changes the document because of an event: that of whoever travels through time.
func (d *GridDocument) apply(event grid.Event, m moment) {
	d.Version, d.Position, d.Updated = m.version, m.position, m.time
	if e, ok := event.(grid.RoverLanded); ok {
		d.Rovers = append(d.Rovers, landed(e))
		return
	}
	for i := range d.Rovers {
		if d.Rovers[i].ID == mover(event) {
			d.Rovers[i].apply(event)
		}
	}
}

// mover is the rover that an event is about, "" when it is about none.
func mover(event grid.Event) string {
	switch e := event.(type) {
	case grid.RoverMovedForward:
		return e.Rover
	case grid.RoverMovedBackward:
		return e.Rover
	case grid.RoverTurnedLeft:
		return e.Rover
	case grid.RoverTurnedRight:
		return e.Rover
	case grid.RoverBlocked:
		return e.Rover
	}
	return ""
}

func landed(e grid.RoverLanded) RoverDocument {
	return RoverDocument{ID: e.Rover, X: e.X, Y: e.Y, Heading: e.Heading, Path: []grid.Point{e.Point}}
}

// apply changes the rover because of an event about it.
func (r *RoverDocument) apply(event grid.Event) {
	switch e := event.(type) {
	case grid.RoverMovedForward:
		r.moved(e.Point)
	case grid.RoverMovedBackward:
		r.moved(e.Point)
	case grid.RoverTurnedLeft:
		r.turned(e.Heading)
	case grid.RoverTurnedRight:
		r.turned(e.Heading)
	case grid.RoverBlocked:
		r.Blocked = &BlockedDocument{X: e.X, Y: e.Y, By: e.By, Other: e.Other, Left: e.Left}
	}
}

func (r *RoverDocument) moved(to grid.Point) {
	r.X, r.Y, r.Blocked = to.X, to.Y, nil
	r.Moves++
	if len(r.Path) >= MaxPath {
		r.Path = append(r.Path[:0], r.Path[len(r.Path)-MaxPath+1:]...)
	}
	r.Path = append(r.Path, to)
}

func (r *RoverDocument) turned(to grid.Heading) {
	r.Heading, r.Blocked = to, nil
	r.Moves++
}
