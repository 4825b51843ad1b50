// Package filestore is the embedded engine of Aether: a store is a folder, and no
// server is needed. One process at a time has it open for saving; any number may
// read it meanwhile ([OpenReadOnly], [Verify], [Backup]).
//
// # Durability
//
// A save that returned nil is on disk: it was written to the log and synced. Saves
// that wait at the same time share one sync, so throughput grows with the number of
// callers. When a sync fails the store is stopped ([ErrStopped]) until it is opened
// again, since nobody knows what the kernel kept; when the disk is full the save
// fails ([ErrDiskFull]) and the next one may succeed. A caller whose save failed
// with anything but a refusal saves the same events again to find out.
//
// # Concurrency and back-pressure
//
// Everything is safe for concurrent use. Saves queue for one writer; when 64 MiB of
// them wait, further callers do. Readers never wait for the writer and hold nothing
// while the caller's loop runs.
//
// # Reading the source
//
// A save is prepared by its caller (queue.go), decided about, written and synced by
// the writer (writer.go, rotate.go), which keeps the index of the newest events in
// memory (recent.go). When that is large it moves to Pebble (flush.go, index.go,
// indexwrite.go), with a filter in front (filter.go). Reading an actor goes through
// both (namespace.go, reader.go), reading the log mostly past them (log.go,
// scanner.go). Opening is in open.go, refuse.go, replay.go, cut.go and check.go,
// copies are in backup.go and copy.go; the bytes are in segment.go and record.go,
// and in docs/format.md of the repository.
package filestore
