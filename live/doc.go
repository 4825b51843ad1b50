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
// Of what was committed without Publish being told, [Hub.Refresh] is told.
//
// # What a client says and hears
//
// Messages are JSON objects. A client sends
//
//	{"subscribe":"grid/mars"}
//	{"subscribe":"grid/mars","after":123}                 go on behind position 123
//	{"subscribe":"grid/mars","after":123,"renew":true}    the document again, with 123
//	{"unsubscribe":"grid/mars"}
//	{"ping":7}
//
// and gets, for each topic in the order of positions, without gaps,
//
//	{"topic":"grid/mars","position":123,"document":…}   the state; forget what you have
//	{"topic":"grid/mars","position":124,"change":…}     apply it to the state
//	{"topic":"grid/mars","position":123}                you had position 123; changes follow
//	{"topic":"grid/mars","error":"unknown topic"}       this subscription is over
//	{"pong":7}                                          to the ping
//
// The third is the answer to "after", if the hub has all changes since then; it is
// the document otherwise. A document may come at any time, see below. To subscribe
// again to a topic is to begin anew. What was on its way may still arrive after
// "unsubscribe": a client passes over positions of changes that it has.
//
// The errors that do not pass are "unknown topic", when the document function said
// [ErrNoTopic] or the client may not see it, "bad topic name" and "too many topics".
// "unavailable" passes: the document function said anything else. The client keeps
// what it has and subscribes again after it, in a while, longer each time.
//
// When the connection ends a client waits a second or more, longer each time and not
// exactly as long as all the others, connects, and subscribes after the positions it
// has. Some connections end without a word: networks change, lids close. A client that
// wants to know pings, and connects anew if there is no answer; scripts in a browser
// see nothing of the pings of the protocol.
//
// # A client that has more
//
// A client may come with a position that the document has not reached: it was
// connected to another node, whose read model was ahead, or to this one before a
// crash. The hub waits up to [Options.Wait] for that position to be published or
// read, and sends nothing of the topic until then. If it has not come, the document is
// sent as what it is, and changes follow it as always:
//
//	{"topic":"grid/mars","position":90,"behind":true,"document":…}
//	{"topic":"grid/mars","position":90,"restored":true,"document":…}
//
// The first is older than what the client has. One that is not to go back in time
// keeps what it has, passes over the changes too, and subscribes again with "renew",
// in a while. The second is the newest there is, which [Options.Current] has made
// sure of: what the client has was lost, for a backup of the events was restored. It
// takes the document. A topic that does not exist, or not yet, is waited for in the same
// way, and then unknown. A document without a mark is never older than what its client
// said, or was sent, before.
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
// For a client the hub holds at most one document and one batch of changes at a time,
// and those it shares with others after Refresh; in the history for all
// [Options.HistoryBytes].
//
// # What the hub relies on
//
// Publish is called after the commit, and a document is read as it was committed, all
// changes up to its position in it and none behind. So a document read after a
// subscription begins, with the changes behind its position, is complete. If the
// documents come from a copy that lags, pages lag too: for clients left behind by the
// history it is read about ten times a second until it has caught up. What is
// committed and not published, as when a projection catches up from the history, is
// followed by Refresh before anything else is published. A read DB that is made anew,
// with positions from the beginning, gets a new hub.
//
// Close the hub when the server shuts down: [net/http.Server.Shutdown] does not know
// of connections that were taken over.
package live
