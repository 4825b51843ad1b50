package pgstore

import (
	"errors"

	"github.com/aether-es/aether"
)

// eventColumns are what a reader of events asks for, in the order of decode.
const eventColumns = "position, version, time, schema, actor, id, type, data, correlation_id, causation_id, traceparent"

// decoder makes events of rows. It keeps little memory by sharing what neighbours have
// in common.
type decoder struct {
	actorID string
	kind    string // the type of the last event
	space   []byte // what is left of a block for data
}

const blockSize = 32 << 10

// copy returns a copy of bytes that belong to the driver.
func (d *decoder) copy(b []byte) []byte {
	if len(b) > blockSize/4 {
		return append(make([]byte, 0, len(b)), b...)
	}
	if len(b) > cap(d.space)-len(d.space) {
		d.space = make([]byte, 0, blockSize)
	}
	start := len(d.space)
	d.space = append(d.space, b...)
	return d.space[start:len(d.space):len(d.space)]
}

func (d *decoder) event(row [][]byte) (aether.Event, error) {
	if len(row) != 11 {
		return aether.Event{}, errMalformed
	}
	position, err1 := toInt8(row[0])
	version, err2 := toInt8(row[1])
	at, err3 := toTime(row[2])
	schema, err4 := toInt4(row[3])
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return aether.Event{}, err
	}
	if string(row[4]) != d.actorID {
		d.actorID = string(row[4])
	}
	if string(row[6]) != d.kind {
		d.kind = string(row[6])
	}
	return aether.Event{
		ID:       string(row[5]),
		ActorID:  d.actorID,
		Version:  aether.Version(version),
		Type:     d.kind,
		Schema:   schema,
		Data:     d.copy(row[7]),
		Metadata: aether.Metadata{CorrelationID: string(row[8]), CausationID: string(row[9]), Traceparent: string(row[10])},
		Time:     at,
		Position: aether.Position(position),
	}, nil
}
