// Package live pushes what changes in the read model to web pages: first the whole
// document of a topic, then its changes, over one WebSocket a page.
//
// A [Hub] is the [net/http.Handler] of the WebSocket. It is given a function that
// reads documents, and [Hub.Publish] is told of changes, after they are committed:
//
//	hub := live.New(documents, nil)
//	defer hub.Close()
//	mux.Handle("/live", hub)
//	…
//	hub.Publish(live.Change{Topic: "grid/mars", Position: 124, Data: change})
//
// # What a client says and hears
//
// Messages are JSON objects. A client sends
//
//	{"subscribe":"grid/mars"}
//	{"subscribe":"grid/mars","after":123}    go on behind position 123
//	{"unsubscribe":"grid/mars"}
//
// and gets, for each topic in the order of positions, without gaps,
//
//	{"topic":"grid/mars","position":123,"document":…}   the state; forget what you have
//	{"topic":"grid/mars","position":124,"change":…}     apply it to the state
//	{"topic":"grid/mars","position":123}                you had position 123; changes follow
//	{"topic":"grid/mars","error":"unknown topic"}       this subscription is over
//
// The third is the answer to "after", if the hub has all changes since then; it is
// the document otherwise. A document may come at any time, see below. The errors
// are "unknown topic", "bad topic name", "too many topics", and "unavailable", after
// which a client tries again in a while. To subscribe again to a topic is to begin
// anew. What was on its way may still arrive after "unsubscribe": a client passes
// over positions of changes that it has.
//
// When the connection ends a client waits a second or more, longer each time and not
// exactly as long as all the others, connects, and subscribes after the positions it
// has.
//
// # Slow clients
//
// There is no queue for each client. The hub keeps the last changes of each topic
// once, encoded, for all of its subscribers; a subscription is a place in that
// history. Publish therefore never waits for a client and needs no memory for it. A
// client that takes so little that the history has left it behind gets the newest
// document, which is read when the client can take it, and goes on from there: it
// misses states in between, but not the newest (conflation). One that takes nothing
// at all for [Options.Timeout] is closed, and so is one that does not answer pings.
//
// For a client the hub holds at most one document and one batch of changes at a time;
// in the history for all [Options.HistoryBytes].
//
// # What the hub relies on
//
// Publish is called after the commit, and a document is read as it was committed, all
// changes up to its position in it and none behind. So a document read after a
// subscription begins, with the changes behind its position, is complete. If the
// documents come from a copy that lags, pages lag too, and clients left behind by the
// history get the document about ten times a second until it has caught up. A read DB
// that is made anew, with positions from the beginning, gets a new hub.
//
// Close the hub when the server shuts down: [net/http.Server.Shutdown] does not know
// of connections that were taken over.
package live
