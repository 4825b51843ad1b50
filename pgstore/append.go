package pgstore

import (
	"context"
	"time"

	"github.com/aether-es/aether"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// append has a batch written. It returns false when the server has found that it may
// not be written as it is; then nothing was.
func (g *group) append(ctx context.Context, conn *pgxpool.Conn, batch []*save) (bool, error) {
	n := g.namespace
	s := n.store
	total := 0
	for _, r := range batch {
		total += len(r.events)
	}
	now := time.Now()
	b := &n.sent
	b.reset()
	g.bind(&b.parameters, batch, total, now.Add(s.deadlineTime()))
	b.space = b.values(b.space)
	var last uint64
	err := s.execute(ctx, conn, &s.sql.appendEvents, b.space, func(row [][]byte) error {
		micros, err := toMicros(row[1])
		if err != nil {
			return err
		}
		s.clock.set(micros)
		if row[0] != nil {
			last, err = toInt8(row[0])
		}
		return err
	})
	switch {
	case err == nil && last == 0, hasCode(err, codeUniqueViolation) && settled(err):
		return false, nil
	case err != nil:
		if !settled(err) && !pgconn.SafeToRetry(err) {
			g.settled = now.Add(s.attemptTime())
			g.open = append(g.open, batch)
			for _, r := range batch {
				r.sent = true
			}
		}
		return false, err
	}
	position := aether.Position(last) - aether.Position(total)
	for _, r := range batch {
		position += aether.Position(len(r.events))
		r.position = position
		n.hints.add(r)
	}
	n.advance(position)
	if !s.options.mute {
		s.notify.add(n.name, position)
	}
	return true, nil
}

// bind encodes the parameters of append_events.
func (g *group) bind(p *parameters, batch []*save, total int, deadline time.Time) {
	p.text(g.namespace.name)
	p.int4(total)
	p.time(g.namespace.store.clock.when(deadline))
	metadata := false
	each := func(oid uint32, f func(e *aether.Event)) {
		p.array(oid, total)
		for _, r := range batch {
			for i := range r.events {
				f(&r.events[i])
			}
		}
		p.end()
	}
	each(oidText, func(e *aether.Event) {
		p.elementText(e.ActorID)
		metadata = metadata || e.Metadata != aether.Metadata{}
	})
	each(oidInt8, func(e *aether.Event) { p.elementInt8(uint64(e.Version)) })
	seen := make(map[string]struct{}, total)
	each(oidBool, func(e *aether.Event) {
		_, before := seen[e.ActorID]
		seen[e.ActorID] = struct{}{}
		p.elementBool(!before && !g.certain(e))
	})
	each(oidText, func(e *aether.Event) { p.elementText(e.ID) })
	each(oidText, func(e *aether.Event) { p.elementText(e.Type) })
	each(oidInt4, func(e *aether.Event) { p.elementInt4(e.Schema) })
	each(oidTimestamptz, func(e *aether.Event) { p.elementInt8(uint64(e.Time.UnixMicro() - epoch)) })
	each(oidText, func(e *aether.Event) { p.elementBytes(e.Data) })
	if !metadata {
		for range 3 {
			p.texts(nil) // the server fills up with nulls
		}
		return
	}
	each(oidText, func(e *aether.Event) { p.elementOptional(e.Metadata.CorrelationID) })
	each(oidText, func(e *aether.Event) { p.elementOptional(e.Metadata.CausationID) })
	each(oidText, func(e *aether.Event) { p.elementOptional(e.Metadata.Traceparent) })
}

// certain says that an event leaves no gap, so that the server need not check it. That
// the version is free the index sees to.
func (g *group) certain(e *aether.Event) bool {
	n := g.namespace
	return e.Version == 1 || !n.store.pooled && n.hints.epoch == n.store.epoch.Load() && n.hints.latest(e.ActorID) == e.Version-1
}
