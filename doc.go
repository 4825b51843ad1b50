// Package aether is the vocabulary of event sourcing for Go: events, the store
// that keeps them, and the errors that stores answer with. It holds types and
// interfaces only; "primitives over frameworks".
//
// # The model
//
// An [Event] is an immutable fact in the stream of one actor. An actor is
// whatever has a history of its own, a charging station or a ticket pool, and
// is named "kind/key". Its events carry the versions 1, 2, 3 …, and the caller
// passes the version: saving version 7 states "the latest I know is 6". Of
// several writers with the same belief exactly one wins; the others get a
// [ConflictError] that carries what won. The store never retries and never
// renumbers, because only the caller knows whether its decision still holds.
//
// All events of a namespace form one [Log]. The store numbers them 1, 2, 3 … in
// the order in which they were committed, without gaps, so a reader that has
// seen position n has seen everything up to n.
//
// # Engines
//
// An [Engine] holds namespaces; each is an [EventStore] that cannot see the
// others. An engine may also keep snapshots ([SnapshotStore]). Package memstore
// keeps events in memory, for tests and examples; module filestore keeps them
// in a folder. Package storetest is the test suite that every engine passes,
// and package storekit has what engines share.
//
// # Reading
//
// Reads are iterators. One that fails yields the error as its last item; a loop
// may be left at any time and releases everything; all of them obey ctx:
//
//	for event, err := range store.GetEvents(ctx, "station/CP-1", 0) {
//		if err != nil {
//			return err
//		}
//		state = evolve(state, event)
//	}
package aether
