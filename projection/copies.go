package projection

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/readdb"
)

// copied is a copy of a projection's documents in a space of its own.
type copied struct {
	space  *readdb.Space
	maker  maker
	cursor integration.Cursor // where there is no follower

	// follower keeps it up to date; nil when another version has made it.
	follower *Follower[*readdb.Tx]
	stop     context.CancelFunc // ends the follower; nil when it does not run
	ended    bool               // it has run, and does not any more
}

func (c *copied) status() CopyStatus {
	if c.follower == nil {
		return CopyStatus{c.space.Name(), FollowerStatus{State: Outdated, Cursor: c.cursor, Ready: true}}
	}
	return CopyStatus{c.space.Name(), c.follower.Status()}
}

// maker is what a copy was made by, and the how manieth of that it is. A space is named
// after it: "main/rover-grids@1.2.1".
type maker struct {
	mapping    int // the version of the stream
	version    int // of the projection
	generation int
}

func (m maker) name(prefix string) string {
	return fmt.Sprintf("%s%d.%d.%d", prefix, m.mapping, m.version, m.generation)
}

func parseMaker(prefix, space string) (m maker, ok bool) {
	rest, ok := strings.CutPrefix(space, prefix)
	parts := strings.Split(rest, ".")
	if !ok || len(parts) != 3 {
		return m, false
	}
	for i, to := range []*int{&m.mapping, &m.version, &m.generation} {
		n, err := strconv.Atoi(parts[i])
		if err != nil {
			return m, false
		}
		*to = n
	}
	return m, true
}

// prefix is that of the names of all spaces of the projection.
func (p *Projector) prefix() string {
	return p.history.Stream().Namespace + "/" + p.projection.Name + "@"
}

// current says whether this program has made a copy, and can go on with it.
func (p *Projector) current(m maker) bool {
	return m.mapping == p.history.Stream().Version && m.version == p.projection.Version
}

// next is the maker of the next copy.
func (p *Projector) next(highest int) maker {
	return maker{p.history.Stream().Version, p.projection.Version, highest + 1}
}

// newCopy returns a copy in a space, with its follower if this program can write it.
func (p *Projector) newCopy(m maker) (*copied, error) {
	c := &copied{space: p.db.Space(m.name(p.prefix())), maker: m}
	if !p.current(m) {
		var err error
		c.cursor, err = CursorOf(c.space)
		return c, err
	}
	sink := &spaceSink{space: c.space, clearing: func() error { return p.clearing(c) }}
	apply := func(_ context.Context, tx *readdb.Tx, e integration.Event) error { return p.projection.Apply(tx, e) }
	c.follower = NewFollower(p.projection.Name, sink, apply, p.history, p.bus, &Options{
		Batch: p.options.Batch, Logger: p.options.Logger,
		Applied:  func(events []integration.Event) { p.applied(c, events) },
		CaughtUp: func() { p.caughtUp(c) },
	})
	return c, nil
}

// active is the note about the copy that queries are answered from. It is there once that
// has caught up.
type active struct {
	Name  string `json:"name"`
	Space string `json:"space"`
}

var actives = readdb.NewCollection("active", func(a active) string { return a.Name })

func (p *Projector) notes() *readdb.Space { return p.db.Space("aether.projections") }

func (p *Projector) noteName() string { return strings.TrimSuffix(p.prefix(), "@") }

// note keeps which copy queries are answered from, or that there is none.
func (p *Projector) note(c *copied) error {
	tx := p.notes().Begin()
	err := actives.Delete(tx, p.noteName())
	if c != nil {
		err = actives.Put(tx, active{p.noteName(), c.space.Name()})
	}
	if err != nil {
		return err
	}
	return tx.Commit(nil)
}

// load finds the copy that queries are answered from: the one that is noted, or, where
// there is no note, the one that will be built.
func (p *Projector) load() error {
	note, found, err := actives.Get(p.notes(), p.noteName())
	m, known := parseMaker(p.prefix(), note.Space)
	if err == nil && !(found && known) {
		var highest int
		if highest, err = p.highest(); err == nil {
			m = p.next(max(highest, 1) - 1) // goes on with what is there
		}
	}
	if err == nil {
		p.serving, err = p.newCopy(m)
	}
	if err != nil {
		return fmt.Errorf("projection: %s: %w", p.projection.Name, err)
	}
	p.noted = found && known
	return nil
}

// highest returns the highest generation of the copies that this program can write, 0
// when there is none.
func (p *Projector) highest() (int, error) {
	spaces, err := p.db.Spaces()
	highest := 0
	for _, name := range spaces {
		if m, ok := parseMaker(p.prefix(), name); ok && p.current(m) {
			highest = max(highest, m.generation)
		}
	}
	return highest, err
}

// sweep drops all copies but some.
func (p *Projector) sweep(keep ...*copied) error {
	spaces, err := p.db.Spaces()
	if err != nil {
		return err
	}
	for _, name := range spaces {
		_, drop := parseMaker(p.prefix(), name)
		for _, c := range keep {
			drop = drop && (c == nil || c.space.Name() != name)
		}
		if drop {
			if err := p.db.Space(name).Drop(); err != nil {
				return err
			}
		}
	}
	return nil
}
