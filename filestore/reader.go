package filestore

import (
	"errors"
	"fmt"
	"io"

	"github.com/aether-es/aether"
)

const (
	// nearby is how far apart two records may be to be read together: to copy what
	// lies between costs about what a call of the kernel does.
	nearby = 4 << 10

	// maxRead bounds one read and with it the memory of a page of events.
	maxRead = 1 << 20
	maxPage = 256
)

// reader reads the events of one actor, from a version on, by their places.
type reader struct {
	namespace string
	actorID   string
	next      aether.Version // the one to be read next
	begun     bool
	places    []place // of the events from next on
	onDisk    bool    // the index on disk may have more, which come before newest
	newest    []place // from the index in memory, as it was when reading began
	first     aether.Version
	size      int // of the last page: they begin small, for those who want few events
	buf       []byte
	space     slab
}

// page returns some events, none at the end. The events are those that were there
// when it was called first.
func (p *reader) page(s *Store) ([]aether.Event, error) {
	if !p.begun {
		// Memory first: what moves to disk in between is then found in both.
		p.begun = true
		p.first, p.newest = s.recentPlaces(p.namespace, p.actorID, p.next)
		p.onDisk = len(p.newest) == 0 || p.first > p.next
	}
	if len(p.places) == 0 && p.onDisk {
		var err error
		if p.places, p.onDisk, err = s.index.places(p.places[:0], p.namespace, p.actorID, p.next); err != nil {
			return nil, err
		}
		if len(p.newest) > 0 && aether.Version(len(p.places)) >= p.first-p.next {
			p.places, p.onDisk = p.places[:p.first-p.next], false
		}
	}
	if len(p.places) == 0 && !p.onDisk {
		p.places, p.newest = p.newest, nil
	}
	events, err := p.read(s.segments)
	p.next += aether.Version(len(events))
	return events, err
}

// read returns some events, at least one, of those whose places are known.
func (p *reader) read(files *segments) ([]aether.Event, error) {
	var events []aether.Event
	bytes := 0
	p.size = min(max(8*p.size, 8), maxPage)
	if len(p.places) > 0 {
		events = make([]aether.Event, 0, min(len(p.places), p.size))
	}
	for len(p.places) > 0 && len(events) < p.size && bytes < maxRead {
		run := p.neighbours(p.size - len(events))
		first, last := p.places[0], p.places[run-1]
		size := int(last.end() - first.offset)
		if cap(p.buf) < size {
			p.buf = make([]byte, max(size, 4<<10))
		}
		buf := p.buf[:size]
		s := files.get(first.segment)
		if s == nil {
			return nil, &DamageError{File: segmentName(first.segment), Reason: "the file is missing"}
		}
		if n, err := s.file.ReadAt(buf, int64(first.offset)); err == io.EOF && n < size {
			return nil, s.damage(int64(first.offset)+int64(n), "the file ends within a record that was written")
		} else if err != nil && err != io.EOF {
			return nil, fmt.Errorf("filestore: read %s: %w", s.path, err)
		}
		for _, at := range p.places[:run] {
			e, err := p.decode(buf[at.offset-first.offset:at.end()-first.offset], p.next+aether.Version(len(events)))
			if err != nil {
				return nil, s.damage(int64(at.offset), "%v", err)
			}
			events = append(events, e)
		}
		p.places = p.places[run:]
		bytes += size
	}
	return events, nil
}

// neighbours returns how many of the next places one read gets.
func (p *reader) neighbours(limit int) int {
	first := p.places[0]
	n := 1
	for n < len(p.places) && n < limit {
		next := p.places[n]
		if next.segment != first.segment || next.offset-p.places[n-1].end() > nearby || next.end()-first.offset > maxRead {
			break
		}
		n++
	}
	return n
}

var errOtherEvent = errors.New("it has another event than the index says; delete the folder " + indexFolder + " and open the store again")

// decode decodes the record of which the index says that it is of this version.
func (p *reader) decode(b []byte, version aether.Version) (aether.Event, error) {
	r, err := checkRecord(b)
	if err != nil {
		return aether.Event{}, err
	}
	if r.isSeal() || r.version() != version || string(r.namespace()) != p.namespace {
		return aether.Event{}, errOtherEvent
	}
	e, err := r.event(&p.space)
	if err == nil && e.ActorID != p.actorID {
		err = errOtherEvent
	}
	return e, err
}
