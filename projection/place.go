package projection

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/readdb"
)

// place is a space that a projector writes, and how far it has come.
type place struct {
	space  *readdb.Space
	cursor integration.Cursor
}

// checkpoint is what is kept with the documents.
type checkpoint struct {
	Stream integration.Stream `json:"stream"`
	Cursor integration.Cursor `json:"cursor"`
	Mark   string             `json:"mark"` // the digest of the last event before the cursor
}

// CursorOf returns up to where the events are in the documents of a space, or of a
// view: in the latter the documents and the cursor are those of one moment.
func CursorOf(r readdb.Reader) (integration.Cursor, error) {
	data, err := r.Checkpoint()
	if err != nil || data == nil {
		return integration.Cursor{}, err
	}
	var c checkpoint
	if err := json.Unmarshal(data, &c); err != nil {
		return integration.Cursor{}, fmt.Errorf("projection: the checkpoint is not of a projection: %w", err)
	}
	return c.Cursor, nil
}

// A projection's spaces are named after it, its version, and how often that was made:
// "rover-grids@2.1". The one that queries are answered from is noted in a space of
// its own.

func spaceName(name string, version, generation int) string {
	return fmt.Sprintf("%s@%d.%d", name, version, generation)
}

func parseSpaceName(name, space string) (version, generation int, ok bool) {
	rest, ok := strings.CutPrefix(space, name+"@")
	if !ok {
		return 0, 0, false
	}
	first, second, _ := strings.Cut(rest, ".")
	version, err := strconv.Atoi(first)
	if err != nil {
		return 0, 0, false
	}
	generation, err = strconv.Atoi(second)
	return version, generation, err == nil
}

// active is the note about a projection.
type active struct {
	Name  string `json:"name"`
	Space string `json:"space"`
}

var actives = readdb.NewCollection("active", func(a active) string { return a.Name })

func (p *Projector) notes() *readdb.Space { return p.db.Space("aether.projections") }

// loadServing finds the space that queries are answered from: the one that is noted,
// or, where there is no note yet, the one that will be built.
func (p *Projector) loadServing() error {
	note, found, err := actives.Get(p.notes(), p.projection.Name)
	if err != nil {
		return fmt.Errorf("projection: %s: %w", p.projection.Name, err)
	}
	if !found {
		note.Space = spaceName(p.projection.Name, p.projection.Version, 1)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serving = p.db.Space(note.Space)
	p.status.Serving = note.Space
	return nil
}

// open returns the place to go on at: the space of this version that is served or was
// being built, if its documents were made of this history; else one from the
// beginning.
func (p *Projector) open(ctx context.Context) (*place, error) {
	serving := p.Space()
	candidate := serving
	spaces, err := p.db.Spaces()
	if err != nil {
		return nil, err
	}
	if version, _, _ := parseSpaceName(p.projection.Name, serving.Name()); version != p.projection.Version {
		candidate = nil
	}
	highest := 0
	for _, name := range spaces {
		version, generation, ok := parseSpaceName(p.projection.Name, name)
		if !ok || version != p.projection.Version {
			continue
		}
		if generation > highest {
			highest = generation
			if name != serving.Name() {
				candidate = p.db.Space(name) // a rebuild that was not finished
			}
		}
	}
	if candidate == nil {
		return &place{space: p.db.Space(spaceName(p.projection.Name, p.projection.Version, highest+1))}, nil
	}
	cursor, ok, err := p.check(ctx, candidate)
	if err != nil {
		return nil, err
	}
	if !ok {
		p.options.Logger.Warn("projection: the documents were made of other events; making them again", "space", candidate.Name())
		cursor = integration.Cursor{}
		if err := candidate.Drop(); err != nil {
			return nil, err
		}
	}
	return &place{space: candidate, cursor: cursor}, nil
}

// check returns how far a space has come, and whether it is of this history.
func (p *Projector) check(ctx context.Context, space *readdb.Space) (integration.Cursor, bool, error) {
	data, err := space.Checkpoint()
	if err != nil || data == nil {
		return integration.Cursor{}, true, err
	}
	var c checkpoint
	if err := json.Unmarshal(data, &c); err != nil || c.Stream != p.history.Stream() {
		return integration.Cursor{}, false, nil
	}
	mark, err := p.history.Mark(ctx, c.Cursor)
	return c.Cursor, err == nil && mark == c.Mark, err
}

// serve lets queries be answered from a space that has caught up, and drops the
// others of the projection.
func (p *Projector) serve(space *readdb.Space) error {
	tx := p.notes().Begin()
	if err := actives.Put(tx, active{p.projection.Name, space.Name()}); err != nil {
		return err
	}
	if err := tx.Commit(nil); err != nil {
		return err
	}
	p.mu.Lock()
	p.serving, p.status.Serving, p.status.Building = space, space.Name(), ""
	p.wakeWaiters()
	p.mu.Unlock()
	spaces, err := p.db.Spaces()
	if err != nil {
		return err
	}
	for _, name := range spaces {
		if _, _, ok := parseSpaceName(p.projection.Name, name); ok && name != space.Name() {
			if err := p.db.Space(name).Drop(); err != nil {
				return err
			}
		}
	}
	return nil
}
