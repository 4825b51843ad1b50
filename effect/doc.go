// Package effect does things to the outside world because of events, and never
// twice: it unlocks a connector, charges a card.
//
// An [Effect] says which events ask for it and what to do; a [Runner] runs the
// effects of one namespace:
//
//	unlock := effect.Effect{
//		Name:  "unlock",
//		Types: []string{"UnlockRequested"},
//		Request: func(event aether.Event) (effect.Request, bool, error) {
//			return effect.Request{Target: event.ActorID}, true, nil
//		},
//		Call: func(ctx context.Context, call effect.Call) (json.RawMessage, error) {
//			return stations.Unlock(ctx, call.Target)
//		},
//		Record: func(ctx context.Context, call effect.Call, outcome effect.Outcome) error {
//			_, err := host.Record(ctx, call.Cause.ActorID, UnlockEnded{outcome}, &actor.DoOptions{CommandID: call.ID})
//			return err
//		},
//	}
//	err := effect.New(store, []effect.Effect{unlock}, nil).Run(ctx)
//
// # What is promised
//
// The event is the request. Each one leads to an effect of its own with an ID and a
// stream, "effect/unlock/station/CP-1@57", in which the runner saves that it will
// call before it calls, and how the call ended before Record is told. Versions are
// passed, so of several runners one wins each attempt and the others leave it to
// the winner. From this follow:
//
//   - An effect that is not keyed is called at most once, whatever crashes; unless
//     Call itself said that nothing happened ([NotDone]) and Retry allows for more.
//   - One that is keyed is called, always with the same ID, until it is answered
//     or its limits are used up.
//   - Every outcome is given to Record until Record takes it; the call is not
//     repeated for that.
//   - An effect whose outcome is not known is listed until it is; see [Runner.List].
//   - Nothing is called because of an event that is merely read again.
//
// The log is the truth about all of it. A store that was restored from a backup
// does not know what was called since, and nothing protects against that.
//
// # Done, not done, in doubt
//
// A call ends in one of three ways. Call returns an answer, also one by which the
// target declines: the effect is done. Call returns NotDone: nothing happened and
// nothing will. Anything else, like a timeout, a panic, a program that died, leaves
// it open whether it happened. A keyed effect is then called again. Any other is in
// doubt, and so is a keyed one, as [Failed], when its limits are used up: Resolve is
// asked, if there is one, and else a person, see [Runner.Settle]. Meanwhile its target
// can be called for other effects.
//
// That a program died is noticed by its attempt: it has a deadline, and is in doubt
// when that and Options.Grace have passed. A runner does not begin a call after the
// deadline, and cancels it then; if one brings an answer all the same, that is taken
// as long as nobody has said otherwise. A program that is the only one says so with
// Options.SoleRunner, and does not wait. (A machine that sleeps longer than the grace,
// between its look at the clock and the call, calls something that is in doubt by
// then; it is the one call all the same.)
//
// # Order
//
// Calls to one target are made one at a time, by however many runners, in the order
// of the events that asked for them. An effect that waits to be tried again lets
// others pass. Without a target there is no order. Where two runners begin calls to
// one target at the same moment, the log has one attempt first, and the other is
// taken back before its call. Resolve is a call too, and waits for its turn, but
// another runner does not know of it.
//
// # The past
//
// A name that is new to a namespace begins at the end of the log, which Begin and Run
// record there, in the stream "effect/unlock": what was requested earlier is not
// called, unless the effect says FromStart. The same goes for kinds and types that
// are added later. An effect whose meaning changes gets a new name; for what Request
// has answered about an event may not change, as the runner remembers only what was
// called.
//
// A request can wait for long, since programs are down or targets are busy. One that
// makes no sense later has a Request.Expires.
//
// # Run and its memory
//
// [Runner.Run] reads the log to its end, then acts, then follows the log. Of a
// store that is an [aether.SnapshotStore] it keeps a checkpoint there, so that a
// restart reads only what came since: each time that a thousand events were read, and
// one more for each open effect; and when it ends. The checkpoint is only a cache. One
// that is missing, damaged, or of another history than the log costs time and nothing
// else.
//
// It is one snapshot, compressed, with about 30 bytes of an effect that waits: half a
// million open effects fit. Of more there is none, which is logged as a warning, and
// all goes on; until they are fewer, a restart reads the log from the checkpoint
// before, or from its start. In memory are the open effects, half a kilobyte each and
// a quarter more for each target, without the events that caused them.
//
// Each call costs three saves, of which only the first delays it. What it costs to plan
// one does not depend on how many effects wait, for its target or for others.
package effect
