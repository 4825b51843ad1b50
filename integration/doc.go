// Package integration makes known to other services what happens in one.
//
// A domain event belongs to its service, which may change it with the next version.
// What others may know of it is an integration event: a [Mapping], a pure function,
// makes it from the domain event. Integration events are CloudEvents with a sequence:
// 1, 2, 3 … without gaps, for each namespace and system, so whoever receives them
// sees when one is missing.
//
//	log ─► Relay ─► Bus ─► projections, other services
//	log ─► Mapping.Read ──► whoever has missed some
//
// # The log is the outbox
//
// No command writes to a store and to a bus. The [Relay] follows the log, maps, and
// publishes; after a crash it goes on from its cursor, which may be a little old, and
// publishes some events again, with the same IDs and sequence numbers. None is left
// out. Receivers pass over the numbers they have seen. A bus that has lost its newest
// events gets them again. At an event that cannot be mapped the relay stops, alone, and
// says so; everything else goes on.
//
// # Commands
//
// Commands come over a bus as well as over HTTP, with the same ID, version seen and
// answer; [EncodeReply] is what an answer looks like on a wire, so that a refusal is
// still a refusal on the other side.
//
// # Sequences
//
// The number of an event follows from the log and the mapping alone, so a relay and
// a reader of the log agree. A mapping that changes what becomes of events that are
// saved already gets a new [Mapping.Version]: its numbers begin at 1 again, and
// receivers, who see the version in each event, read anew.
package integration
