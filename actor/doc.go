// Package actor runs actors: it turns commands into events.
//
// An actor's behaviour is a [Decider], a few pure functions. A [Host] runs all
// actors of one kind on a store:
//
//	accounts := actor.NewHost(store, decider, nil)
//	defer accounts.Close()
//	result, err := accounts.Do(ctx, "account/ann", Deposit{Amount: 50}, nil)
//
// # How a command travels
//
// Do puts the command into the mailbox of its actor and waits. One goroutine at a
// time works for an actor. It takes what is in the mailbox, decides each command
// upon the state that the ones before it led to, saves the events of all of them
// in one call, and then answers each caller. So a hot actor needs one sync of the
// disk for many commands, and different actors share syncs in the store.
//
// The state stays in memory afterwards, up to a number of actors, so the next
// command reads nothing.
//
// # When another process was faster
//
// Another process, or a program without a host, may write to the same actor. The
// save is then a version conflict: the host loads the actor again, from its snapshot
// if there is one, and decides all of them again, which is harmless because deciding has no side effects, and saves, some times
// over. Only when others are faster every time does the caller get [ErrContended].
//
// A caller who acts upon what it saw says so with [DoOptions.At]. What has
// come since makes its command fail with the same error, unless the decider's
// Conflicts says that it does not matter.
//
// # Commands that come twice
//
// A command has an ID, and its events' IDs follow from it; see [EventID]. The store
// recognises an event for ever, so a command that comes again (a lost answer, a
// crash, a second click) changes nothing and gets the result it had the first
// time, with Repeated set. Refusals, and commands with nothing to do, write nothing and
// are not remembered: they are decided anew. An ID is to be used for one command: of
// another one with it, the first result is returned all the same.
//
// # Facts
//
// What has happened cannot be refused: a station reports a fault, a payment has
// gone through. [Host.Record] goes on until such a command has landed.
//
// # What goes wrong
//
// A refusal ([aether.ErrRefused]) is whatever error Decide returned. A function of the
// decider that panics, or ends its goroutine as t.FailNow does, is a [PanicError] of
// its command; the actor goes on. [ErrBusy] comes at once when too many commands wait
// for the actor. An [aether.ErrNotSaved] is passed on: the store has written nothing.
//
// After an [UnknownError], and after no other, the command may have been carried out:
// the same command with the same ID finds out. If it was ctx that ended, the command
// may still be at work in this host. Another host may then refuse it, and this one
// carry it out a moment later; so such a command is sent again to the same host, which
// answers after the first.
package actor
