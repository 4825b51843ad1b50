// Package readdb keeps the documents of the query side. They all come from events,
// so a read DB can be thrown away at any time and made again.
//
// A [Collection] says once how documents of a type are kept: under which key, and
// by which values they are found:
//
//	var rovers = readdb.NewCollection("rovers",
//		func(r Rover) string { return r.ID },
//		readdb.Index[Rover]{Name: "planet", Values: func(r Rover) []readdb.Value {
//			return []readdb.Value{readdb.Tuple(readdb.Text(r.Planet), readdb.Time(r.Landed))}
//		}})
//
// A [DB] stands on a [KV]: [NewMemory], or the folder of module filestore. In it
// each version of a projection has a [Space], "rover@2", with its documents and its
// checkpoint. Versions exist side by side, and the old one is dropped in one go. A
// projector changes a space through a [Tx]:
//
//	tx := space.Begin()
//	for _, event := range batch {
//		found, err := rovers.Update(tx, event.Rover, func(r *Rover) { r.X++ })
//		…
//	}
//	err := tx.Commit(checkpoint)
//
// and queries read pages of a moment:
//
//	page, err := rovers.List(space, &readdb.ListOptions{
//		Index: "planet", Range: readdb.Under(readdb.Text("mars")), After: cursor,
//	})
//
// # What is promised
//
//   - Documents, index entries and checkpoint of a Tx are written at once or not at
//     all, also across a crash. A crash may lose the latest commits, never their
//     order: what is left is what was there at an earlier moment, with the
//     checkpoint of that moment.
//   - Reads never wait for a Tx, nor it for them. A [View] sees one moment for as
//     long as it is open.
//   - What is stored depends on the documents and the checkpoint alone: not on
//     the order of the writes, their time, or how they were split into Txs. Two read
//     DBs made from the same events are equal byte for byte; [View.Raw] has the bytes.
//     That asks something of the caller, too: a document must be all in its JSON.
//     So NewCollection refuses types with fields that encoding/json leaves out, and
//     nothing may depend on whether a map or slice is nil or empty.
//
// # Changes of the code
//
// Whoever changes a document's type, its key or an index makes a new version of the
// projection, thus a new space. A Tx on a space that has other indexes fails with
// [ErrMismatch], and a document that does not decode with [ErrDecode]; a changed
// function cannot be noticed.
//
// # No contexts
//
// Everything is on this machine, and an operation handles one page or less, so there
// is nothing to cancel. Loops over [Collection.All] may be left at any time.
package readdb
