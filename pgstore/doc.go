// Package pgstore is the engine of Aether on PostgreSQL, for programs that have outgrown
// one machine, or whose events are to be where everything else is. A store is a schema
// of a database; any number of processes may have it open. The server is PostgreSQL 14
// or newer, the database is in UTF8.
//
// # Durability
//
// A save that returned nil is committed: on the server's disk, and on its synchronous
// replicas where the server has any. Saves raise synchronous_commit to on where it is
// off, and leave every other value alone. [Open] warns when the server's fsync or
// full_page_writes is off, since no client can make up for that. A server that fails
// over to an asynchronous replica loses what that has not got; so does any program that
// uses it.
//
// # Saving
//
// Each namespace has a committer in each process. What waits for it is written in one
// statement, which takes the lock of the namespace, checks that each event follows on
// its actor's latest, numbers the events and commits: one round trip, and one sync of
// the server's disk for all who wait. Nothing is ever left open between two round trips,
// so a process that dies, or is cut off, holds no lock.
//
// # When the server does not answer
//
// When a connection is lost in the middle of a save, the server is asked over another
// whether the save has landed, and the caller gets its answer; it notices no more than
// the time this takes. Reads are tried again likewise, and followers wait. After
// [Options].Timeout, or when its context ends, a save fails: with Unknown set in its
// [UnavailableError], if a statement was sent and nobody could be asked what became of
// it. Even then nothing of it lands later: the statement carries a time after which the
// server refuses it, and the caller is held until as much time again has passed. (Only
// a commit that the server has begun, and does not finish in that time, could land
// afterwards: no setting of PostgreSQL bounds that.) Saving the same events again tells
// what became of them.
//
// # Following
//
// Who follows a log is told of saves by notifications, over one connection for all
// followers of a [Store], and looks by itself every [Options].PollInterval, as
// notifications are not certain to come. No event is skipped: positions are given under
// the lock that is held until the commit.
//
// # Behind PgBouncer
//
// A proxy that gives a client a server for one transaction only can be in between.
// [Open] notices PgBouncer, and [Options].TransactionPooling tells it of others. Then
// statements are not prepared, and followers poll, ten times a second, as such a proxy
// passes on no notifications. [Migrate] needs the server itself. A DSN that goes around
// the proxy costs one connection more for each process and is otherwise better.
//
// # Back-pressure
//
// Everything is safe for concurrent use. When 64 MiB of saves wait for the committer of
// a namespace, further callers do. Readers hold a connection while they fetch a page,
// none while the caller's loop runs.
//
// # SQL
//
// The tables may be read with SQL: the data of an event is text, to be cast to jsonb.
// Nothing else may write them. Read models in tables of one's own, with their
// checkpoint in the same transaction, are a matter of package tables.
//
// # Reading the source
//
// A save goes through save.go and commit.go, which decides with what lookup.go and
// hints.go know, to append.go; its statement is in migrations, its encoding in wire.go. Reading is in
// namespace.go, log.go, events.go and query.go, following in watch.go. What the server
// answers becomes an error in classify.go.
package pgstore
