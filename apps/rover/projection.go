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

// The read model: a document of each grid, and one for the list of grids, which is
// small, so that listing does not read the paths of all rovers.
var (
	grids = readdb.NewCollection("grids", func(d GridDocument) string { return d.ID })

	summaries = readdb.NewCollection("summaries", func(s Summary) string { return s.ID },
		readdb.Index[Summary]{Name: byUpdated, Values: func(s Summary) []readdb.Value {
			return []readdb.Value{readdb.Time(s.Updated)}
		}})
)

// byUpdated lists the grids by the time of their last change.
const byUpdated = "updated"

// gridsProjection makes the read model.
func gridsProjection(events *schema.Registry[grid.Event]) projection.Projection {
	return projection.Projection{Name: "rover-grids", Version: 1, Apply: func(tx *readdb.Tx, e integration.Event) error {
		m, event, err := decodeMoment(events, e)
		if err != nil {
			return err
		}
		var summary Summary
		step := moment{m.Version, e.Position, e.Time}
		if created, ok := event.(grid.GridCreated); ok {
			d := newDocument(m.Grid, created, step)
			summary = d.Summary()
			if err := grids.Put(tx, d); err != nil {
				return err
			}
		} else {
			found, err := grids.Update(tx, m.Grid, func(d *GridDocument) {
				d.apply(event, step)
				summary = d.Summary()
			})
			if err != nil {
				return err
			}
			if !found {
				return fmt.Errorf("grid %q was not created", m.Grid)
			}
		}
		return summaries.Put(tx, summary)
	}}
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

// apply changes the document because of an event. Whoever travels through time does
// the same to the events up to a version.
func (d *GridDocument) apply(event grid.Event, m moment) {
	d.Version, d.Position, d.Updated = m.version, m.position, m.time
	switch e := event.(type) {
	case grid.RoverLanded:
		d.Rovers = append(d.Rovers, RoverDocument{ID: e.Rover, X: e.X, Y: e.Y, Heading: e.Heading, Path: []grid.Point{e.Point}})
	case grid.RoverMovedForward:
		d.rover(e.Rover).moved(e.Point)
	case grid.RoverMovedBackward:
		d.rover(e.Rover).moved(e.Point)
	case grid.RoverTurnedLeft:
		d.rover(e.Rover).turned(e.Heading)
	case grid.RoverTurnedRight:
		d.rover(e.Rover).turned(e.Heading)
	case grid.RoverBlocked:
		d.rover(e.Rover).Blocked = &BlockedDocument{X: e.X, Y: e.Y, By: e.By, Other: e.Other, Left: e.Left}
	}
}

// rover returns a rover of the document; of one that is not there, one that nobody
// keeps.
func (d *GridDocument) rover(id string) *RoverDocument {
	for i := range d.Rovers {
		if d.Rovers[i].ID == id {
			return &d.Rovers[i]
		}
	}
	return &RoverDocument{}
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
