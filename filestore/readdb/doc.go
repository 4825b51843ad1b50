// Package readdb keeps a read DB in a folder, on Pebble. It is the KV of package
// readdb of the library, which has the documents:
//
//	kv, err := filereaddb.Open("data/readdb", nil)
//	if errors.Is(err, readdb.ErrDamaged) {
//		err = filereaddb.Remove("data/readdb") // and open again, and project from the start
//	}
//	…
//	db, err := readdb.New(kv)
//
// # Crashes
//
// There is no write-ahead log, and no write waits for the disk: what is lost is
// projected again. Pebble collects writes in memory, some MB, and moves whole writes
// in their order to the disk, naming the new files in one synced step. So a crash, of
// the process or of the machine, leaves the read DB as it was after some earlier
// write: the documents of a moment with the checkpoint of that moment. Close loses
// nothing.
//
// # Damage
//
// Everything on disk has a checksum. Open checks the files' names and sizes, and what
// it reads of them; a bad block is found when it is read, by a query or in the
// background. The KV stops then, and leaves a note in the folder, so that the next Open
// fails too. All of it is a readdb.ErrDamaged. Nothing is repaired: the events have it
// all.
//
// # Failures
//
// When a write to the disk fails, also for want of space, and when the folder is gone, the
// KV stops: writes fail with [ErrStopped], reads go on where they can, and [KV.Check] says
// why. Close it and open it again; it is then as after a crash.
package readdb
