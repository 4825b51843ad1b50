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

// reader reads the events of one actor by their places.
type reader struct {
	places []place // still to be read
	buf    []byte
}

// read returns some events, at least one, of those whose places are known; the
// first of them has version from.
func (p *reader) read(files *segments, namespace, actorID string, from aether.Version) ([]aether.Event, error) {
	var events []aether.Event
	bytes := 0
	if len(p.places) > 0 {
		events = make([]aether.Event, 0, min(len(p.places), maxPage))
	}
	for len(p.places) > 0 && len(events) < maxPage && bytes < maxRead {
		run := p.neighbours(maxPage - len(events))
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
			e, err := decodeAt(buf[at.offset-first.offset:at.end()-first.offset], namespace, actorID, from+aether.Version(len(events)))
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

// decodeAt decodes the record of which the index says that it is this event.
func decodeAt(b []byte, namespace, actorID string, version aether.Version) (aether.Event, error) {
	r, err := checkRecord(b)
	if err != nil {
		return aether.Event{}, err
	}
	if r.isSeal() || r.version() != version || string(r.namespace()) != namespace {
		return aether.Event{}, errOtherEvent
	}
	e, err := r.event()
	if err == nil && e.ActorID != actorID {
		err = errOtherEvent
	}
	return e, err
}
