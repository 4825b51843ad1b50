package aethertest_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/aethertest"
	"github.com/aether-es/aether/schema"
)

// A door that opens for one guest after the other.
type (
	door struct{ Open, Locked bool }

	opening struct{}
	closing struct{}

	doorEvent interface{ door() }
	opened    struct{ By string }
	locked    struct{}
	rung      struct{} // somebody rings: that hinders nobody
)

func (opened) door() {}
func (locked) door() {}
func (rung) door()   {}

func doors() actor.Decider[door, any, doorEvent] {
	return actor.Decider[door, any, doorEvent]{
		Kind: "door",
		Events: schema.New[doorEvent](
			schema.Type[opened]("Opened"), schema.Type[locked]("Locked"), schema.Type[rung]("Rung"),
		),
		Initial: func(string) door { return door{} },
		Decide: func(d door, command any) ([]doorEvent, error) {
			switch command.(type) {
			case opening:
				if d.Locked {
					return nil, aether.Refuse("locked", "the door is locked")
				}
				return []doorEvent{opened{"ann"}, rung{}}, nil
			case closing:
				return []doorEvent{locked{}}, nil
			}
			return nil, errors.New("no such command")
		},
		Evolve: func(d door, e doorEvent) door {
			switch e.(type) {
			case opened:
				d.Open = true
			case locked:
				d.Open, d.Locked = false, true
			}
			return d
		},
		Conflicts: func(_ any, theirs []doorEvent) bool {
			for _, e := range theirs {
				if _, harmless := e.(rung); !harmless {
					return true
				}
			}
			return false
		},
	}
}

// What happens, why a command is refused, and what came meanwhile that makes it fail.
func Example() {
	var t report // in a test, its *testing.T
	aethertest.Given(t, doors()).
		When(opening{}).ThenInAnyOrder(rung{}, opened{"ann"}).
		When(closing{}).Then(locked{}).
		When(opening{}).ThenRefused("locked")

	shut := aethertest.Given(t, doors())
	shut.Meanwhile(rung{}).When(opening{}).Then(opened{"ann"}, rung{})
	shut.Meanwhile(locked{}).When(opening{}).ThenConflict().
		When(opening{}).ThenRefused("locked") // it has looked again

	shut.When(opening{}).Then(opened{"bob"}, rung{})
	// Output:
	// aethertest_test.opening{} led to other events (- wanted, + there):
	// - Opened {"By":"bob"}
	// + Opened {"By":"ann"}
	//   Rung {}
}

// report prints what a test would fail with.
type report struct{ testing.TB }

func (report) Helper() {}

func (report) Fatalf(format string, args ...any) { fmt.Printf(format, args...) }
