// Package deadline sends commands when they are due: a hold that nobody paid for
// is released, a sale ends, a station that stays silent is declared offline.
//
// A deadline is derived from events. A [Rule] says which events set it, move it
// and clear it, and what to do when it is due; a [Scheduler] runs one rule on one
// namespace:
//
//	holds := deadline.New(store, deadline.Rule{
//		Name:  "hold-expires",
//		Kinds: []string{"pool"},
//		Derive: func(event aether.Event) ([]deadline.Change, error) {
//			switch e := decode(event).(type) {
//			case HoldPlaced:
//				return []deadline.Change{deadline.Set("hold/"+e.Hold, e.Until)}, nil
//			case HoldReleased:
//				return []deadline.Change{deadline.Clear("hold/" + e.Hold)}, nil
//			}
//			return nil, nil
//		},
//		Fire: func(ctx context.Context, d deadline.Deadline) error {
//			return send(ctx, d.ActorID, d.CommandID, ExpireHold{Name: d.Name})
//		},
//	}, nil)
//	err := holds.Run(ctx)
//
// There is nothing to save and nothing to restore: the log knows every deadline.
// Run reads it up to its end before anything is fired, so what was cleared later
// is not fired, and what came due while the program was down is fired at once.
// What is due first is fired first; Options.Concurrency of them are under way at a
// time, and in no order among each other.
//
// # Once
//
// A deadline is fired until its Fire succeeds, one call at a time. That is at least
// once: the program may die between Fire and its memory of it, and two processes
// may run the same rule. What makes it once is [Deadline.CommandID]. It follows
// from the event that set the deadline, so it is the same in every process and
// after every restart, and whoever carries out the command recognises it.
//
// The command should lead to an event that clears the deadline, as HoldReleased
// does above. Where it leads to none, the log does not tell that the deadline was
// fired, and after a restart it may be fired again, with the same CommandID.
//
// The decider has the last word. A deadline may be cleared or moved while its Fire
// is under way, or by an event that the scheduler has not read yet; the command
// then comes although nothing is due, and is to be refused. A refusal is an answer:
// the deadline is done.
//
// # Memory
//
// A pending deadline takes about 70 bytes of memory, in which there are no
// pointers, whatever its actor and its name: these are read from the log again when
// it is due. It is known by 128 bits of a SHA-256 of both. Among ten million that
// are pending at one time, two share them with a probability of 1.5e-25; one of
// these would then clear or move the other. The memory of a great number is kept
// for the next ones until Run ends.
//
// # Checkpoints
//
// Where the store keeps snapshots (it is an [aether.SnapshotStore]), Run saves what
// is pending now and then and when it ends, and begins there the next time. These
// are snapshots of actors of the kind "aether.deadline", which have no events. Like
// every snapshot they may be lost or wrong: one that is incomplete, damaged, of
// another rule, or of a log that is not this one, as after a backup was restored,
// is not used, and the log is read from its start. The result is the same.
package deadline
