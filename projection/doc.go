// Package projection keeps read models up to date: integration events go in,
// documents of a read DB come out.
//
//	var Shelf = projection.Projection{
//		Name: "shelf", Version: 1,
//		Apply: func(tx *readdb.Tx, e integration.Event) error {
//			return books.Put(tx, …)
//		},
//	}
//	p := projection.New(db, Shelf, history, bus, nil)
//	go p.Run(ctx)
//	page, err := books.List(p.Space(), nil)
//
// # In order, once
//
// A [Projector] knows the number of the event it expects next. An event with that
// number is applied; one with a lower number has been, and is passed over; one with
// a higher number means that some are missing, and these are read from the history.
// Documents and the number are written in one step, in batches, so a crash loses both
// or neither.
//
// # Everything can be made again
//
// The read DB is disposable. Where it is missing, or was made of another history (a
// backup of the events was restored), the projector reads the history from its
// beginning; [Projector.Ready] fails until it has caught up, since what is not there
// then is only not there yet. A projection that comes to other documents, because its
// code has changed, gets a new Version: a copy is built beside the old one, which
// answers queries meanwhile, and takes its place when it has caught up. So it is with a
// new version of the mapping. [Projector.Rebuild] does the same without a new version,
// and keeps the old copy up to date meanwhile; one that another version has made stays
// as it is, and [Projector.Wait] says so.
//
// While queries are answered from documents of an older version, these are read with
// the collections of the new one: fields that were added are zero, and a listing by an
// index that is new fails with readdb.ErrMismatch.
//
// # Documents elsewhere
//
// A [Follower] is the part of a projector that applies events, once and in order, to
// any [Sink] that writes changes and checkpoint in one step: the tables of a SQL
// database, for instance.
//
// # An event that cannot be applied
//
// When Apply fails or panics, the projection stops before that event, alone; the
// others go on. [Projector.Status] tells which event and why. An operator has it tried
// again, with [Projector.Retry], or passes over it, with [Projector.Skip].
package projection
