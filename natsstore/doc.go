// Package natsstore is the engine of Aether on a NATS JetStream cluster, for systems that
// have outgrown one machine. Beside the [Store] it has what nodes need to work together:
// a [Bus] of integration events, [Commands] by request and reply, and [Leases]. All of
// them work over a [Conn].
//
// The servers are NATS 2.12 or later. Package natsserver runs one within the process,
// set up as it should be; docs/durability.md tells what to set on others, and what
// survives what.
//
// # How it works
//
// A namespace is a stream, an event a message on its actor's subject; docs/format.md has
// their form. Each node follows the streams that it serves into file stores of its own,
// the copies, and reads from those. A read asks the stream's leader how far the stream
// has come, and waits until the copy has come there: so it has everything that was
// acknowledged before, by any node, at the price of a round trip that concurrent reads
// share. A save is decided about by the copy, and sent with what the copy knows to be
// the last of each actor's subject; the server refuses it if that is not so any more,
// and it is decided about again. docs/adr/0013 has the reasons.
//
// # When the cluster does not answer
//
// What can be tried again is, for as long as [ConnOptions.Timeout] says; then the error
// is an [ErrUnavailable]. A save whose answer was lost is looked up, and only returns
// when it has landed or never will, within that time. Then it returns an
// [UnavailableError] that says Unknown, and that is settled in the background: until it
// is, no read through this engine returns, and no save of these actors is sent.
//
// A leader that was cut off from the others, and does not know it yet, may answer a read
// from its past, for the seconds until it does; it cannot acknowledge a save.
//
// # Concurrency and back-pressure
//
// Everything is safe for concurrent use. Saves queue for the committer of their
// namespace; when 64 MiB of them wait, further callers do. While an actor has a save on
// its way, the next ones wait. The copy is fed as fast as the node can write it; followers
// read from it, and keep no queue.
//
// # Reading the source
//
// A save is prepared by its caller (namespace.go, message.go, subject.go), decided about
// and put into a batch (committer.go), sent, answered and, if need be, looked up
// (flight.go). What comes from the stream (feed.go) is applied to the copy (copy.go,
// copydir.go, gaps.go); freshness is in fresh.go, and live.go holds them together. What
// is asked of the server is in stream.go and conn.go.
package natsstore
