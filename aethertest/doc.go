// Package aethertest helps to test what is built with Aether.
//
// A decider is tested with events, a command and events:
//
//	aethertest.Given(t, bank(), Deposited{100}).
//		When(Withdraw{80}).
//		Then(Withdrawn{80})
//
// or is refused, or meets what its caller has not seen; see [Outcome] and
// [Scenario.Meanwhile].
//
// [Clock] stands still until the test moves it. [Watch] names every moment of a
// program at which it saves something, and [KillAt] kills the process at one of
// them; [RunChild] runs a test in a process that may die so.
package aethertest
