package pgstore

import (
	"context"

	"github.com/aether-es/aether"
	"github.com/jackc/pgx/v5/pgxpool"
)

// facts are what the server has said about the saves it was asked about, all of one
// moment. What it was not asked about is not in them.
type facts struct {
	latest map[string]aether.Version
	ids    map[eventKey]aether.Version
}

// lookUp asks the server about the saves that are to be asked about. The former facts
// are forgotten, and so are the saves asked again that were asked then.
func (g *group) lookUp(ctx context.Context, conn *pgxpool.Conn) error {
	var actors, idActors, ids []string
	f := facts{latest: make(map[string]aether.Version), ids: make(map[eventKey]aether.Version)}
	for _, r := range g.pending {
		r.asked = false
		if !r.ask {
			continue
		}
		for i := range r.events {
			e := &r.events[i]
			if _, ok := f.latest[e.ActorID]; !ok {
				f.latest[e.ActorID] = 0
				actors = append(actors, e.ActorID)
			}
			key := eventKey{e.ActorID, e.ID}
			if _, ok := f.ids[key]; !ok && (!r.isNew[i] || r.sent) {
				f.ids[key] = 0
				idActors, ids = append(idActors, e.ActorID), append(ids, e.ID)
			}
		}
	}
	g.facts = f
	if len(actors) == 0 {
		return nil
	}
	n := g.namespace
	b := &n.sent
	b.reset()
	b.text(n.name)
	b.texts(actors)
	b.texts(idActors)
	b.texts(ids)
	b.space = b.values(b.space)
	var latest, versions []aether.Version
	err := n.store.execute(ctx, conn, &n.store.sql.lookUp, b.space, func(row [][]byte) (err error) {
		if latest, err = toVersions(row[0]); err != nil {
			return err
		}
		if versions, err = toVersions(row[1]); err != nil {
			return err
		}
		micros, err := toMicros(row[2])
		if err == nil {
			n.store.clock.set(micros)
		}
		return err
	})
	if err != nil {
		return err
	}
	if len(latest) != len(actors) || len(versions) != len(ids) {
		return errMalformed
	}
	for i, actorID := range actors {
		f.latest[actorID] = latest[i]
	}
	for i := range ids {
		f.ids[eventKey{idActors[i], ids[i]}] = versions[i]
	}
	for _, r := range g.pending {
		r.asked, r.ask = r.ask, false
	}
	return nil
}
