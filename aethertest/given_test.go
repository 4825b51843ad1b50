package aethertest_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/aethertest"
	"github.com/aether-es/aether/schema"
)

// A light: what the tests of the scenarios decide about.

type light struct {
	On     bool
	Count  int
	secret int // which no snapshot has
}

type switched struct {
	On     bool
	secret int
}

type toggle struct{ N int }

func lights() actor.Decider[*light, any, switched] {
	return actor.Decider[*light, any, switched]{
		Kind:    "light",
		Events:  schema.New[switched](schema.Type[switched]("Switched")),
		Initial: func(string) *light { return &light{} },
		Decide: func(l *light, command any) ([]switched, error) {
			switch c := command.(type) {
			case toggle:
				var events []switched
				for i := range c.N {
					events = append(events, switched{On: l.On == (i%2 == 1)})
				}
				return events, nil
			case string:
				return nil, aether.Refuse(c, "no")
			}
			return nil, errors.New("no such command")
		},
		Evolve: func(l *light, e switched) *light {
			l.On, l.Count, l.secret = e.On, l.Count+1, 1
			return l
		},
		Conflicts: func(command any, theirs []switched) bool {
			_, broken := command.(string)
			return !broken && slices.ContainsFunc(theirs, func(e switched) bool { return !e.On })
		},
		Snapshots: actor.JSONSnapshots[*light](1),
	}
}

// recorder notes what a scenario reports instead of failing.
type recorder struct {
	testing.TB
	report string
}

func (r *recorder) Helper() {}
func (r *recorder) Errorf(format string, args ...any) {
	r.report += fmt.Sprintf(format, args...) + "\n"
}
func (r *recorder) Fatalf(format string, args ...any) { r.Errorf(format, args...); panic(r) }
func (r *recorder) Fatal(args ...any)                 { r.report += fmt.Sprint(args...); panic(r) }

// reported runs a scenario and returns what it says.
func reported(run func(t testing.TB)) (report string) {
	r := &recorder{}
	defer func() {
		if value := recover(); value != nil && value != any(r) {
			panic(value)
		}
		report = r.report
	}()
	run(r)
	return r.report
}

func TestScenario(t *testing.T) {
	aethertest.Given(t, lights()).
		When(toggle{1}).Then(switched{On: true}).
		When(toggle{2}).Then(switched{On: false}, switched{On: true}).
		When(toggle{0}).Then().
		When("broken").ThenRefused("broken").
		State(func(l *light) {
			if !l.On || l.Count != 3 {
				t.Errorf("the light is %+v", l)
			}
		})
}

// What came meanwhile conflicts with a command as the decider says, or always when it
// does not say.
func TestMeanwhile(t *testing.T) {
	given := aethertest.Given(t, lights(), switched{On: true})
	given.Meanwhile(switched{On: true}).When(toggle{1}).Then(switched{On: false})
	given.Meanwhile(switched{On: true}).Meanwhile(switched{On: false}).When("broken").ThenRefused("broken")
	given.Meanwhile(switched{On: false}).Meanwhile(switched{On: true}).When(toggle{1}).ThenConflict().
		When(toggle{1}).Then(switched{On: false}). // it has looked again
		Meanwhile(switched{On: false}).When(toggle{1}).ThenConflict().
		State(func(l *light) {
			if l.On || l.Count != 5 {
				t.Errorf("the light is %+v", l)
			}
		})
	d := lights()
	d.Conflicts = nil
	aethertest.Given(t, d).Meanwhile(switched{On: true}).When("broken").ThenConflict()
	aethertest.Given(t, d).Meanwhile().When(toggle{1}).Then(switched{On: true})
}

func TestInAnyOrder(t *testing.T) {
	aethertest.Given(t, lights()).
		When(toggle{4}).ThenInAnyOrder(switched{On: false}, switched{On: false}, switched{On: true}, switched{On: true}).
		When(toggle{0}).ThenInAnyOrder().
		State(func(l *light) {
			if l.On || l.Count != 4 {
				t.Errorf("the light is %+v", l)
			}
		})
}

func TestScenarioReports(t *testing.T) {
	spoilt := func(spoil func(d *actor.Decider[*light, any, switched])) actor.Decider[*light, any, switched] {
		d := lights()
		spoil(&d)
		return d
	}
	calls := 0
	for name, test := range map[string]struct {
		run  func(t testing.TB)
		want string
	}{
		"other events": {
			func(t testing.TB) {
				aethertest.Given(t, lights()).When(toggle{3}).Then(switched{On: true}, switched{On: true})
			},
			"  Switched {\"On\":true}\n+ Switched {\"On\":false}\n  Switched {\"On\":true}\n",
		},
		"events instead of none": {
			func(t testing.TB) { aethertest.Given(t, lights()).When(toggle{1}).Then() }, "+ Switched",
		},
		"none instead of events": {
			func(t testing.TB) { aethertest.Given(t, lights()).When(toggle{0}).Then(switched{}) }, "- Switched",
		},
		"a refusal instead of events": {
			func(t testing.TB) { aethertest.Given(t, lights()).When("no").Then(switched{}) }, "refused: no",
		},
		"events instead of a refusal": {
			func(t testing.TB) { aethertest.Given(t, lights()).When(toggle{1}).ThenRefused("broken") }, "not refused",
		},
		"another refusal": {
			func(t testing.TB) { aethertest.Given(t, lights()).When("no").ThenRefused("broken") }, "another reason",
		},
		"an error instead of a refusal": {
			func(t testing.TB) { aethertest.Given(t, lights()).When(7).ThenRefused("broken") }, "no such command",
		},
		"other events, in any order": {
			func(t testing.TB) {
				aethertest.Given(t, lights()).When(toggle{3}).ThenInAnyOrder(switched{On: false}, switched{On: false}, switched{On: true})
			}, "led to other events",
		},
		"fewer events, in any order": {
			func(t testing.TB) {
				aethertest.Given(t, lights()).When(toggle{1}).ThenInAnyOrder(switched{}, switched{On: true})
			}, "- Switched",
		},
		"a conflict instead of events": {
			func(t testing.TB) {
				aethertest.Given(t, lights()).Meanwhile(switched{}).When(toggle{1}).Then(switched{On: true})
			}, "version conflict",
		},
		"a conflict instead of a refusal": {
			func(t testing.TB) {
				aethertest.Given(t, lights()).Meanwhile(switched{}).When(toggle{1}).ThenRefused("broken")
			}, "version conflict",
		},
		"events instead of a conflict": {
			func(t testing.TB) {
				aethertest.Given(t, lights()).Meanwhile(switched{On: true}).When(toggle{1}).ThenConflict()
			}, "does not conflict",
		},
		"a refusal instead of a conflict": {
			func(t testing.TB) { aethertest.Given(t, lights()).Meanwhile(switched{}).When("no").ThenConflict() }, "does not conflict",
		},
		"a conflict with nothing": {
			func(t testing.TB) { aethertest.Given(t, lights()).When(toggle{1}).ThenConflict() }, "nothing happened meanwhile",
		},
		"an event meanwhile that loses something": {
			func(t testing.TB) { aethertest.Given(t, lights()).Meanwhile(switched{secret: 1}) }, "JSON lost something",
		},
		"an event that loses something": {
			func(t testing.TB) { aethertest.Given(t, lights(), switched{secret: 1}) }, "JSON lost something",
		},
		"another actor": {
			func(t testing.TB) { aethertest.Given(t, lights()).Of("lamp/1") }, "not of the kind",
		},
		"deciding changes the state": {
			func(t testing.TB) {
				aethertest.Given(t, spoilt(func(d *actor.Decider[*light, any, switched]) {
					d.Decide = func(l *light, _ any) ([]switched, error) { l.Count++; return nil, nil }
				})).When(1)
			}, "changed the state",
		},
		"deciding is not pure": {
			func(t testing.TB) {
				aethertest.Given(t, spoilt(func(d *actor.Decider[*light, any, switched]) {
					d.Decide = func(*light, any) ([]switched, error) { calls++; return make([]switched, calls), nil }
				})).When(1)
			}, "a second time",
		},
		"a snapshot that lacks something": {
			func(t testing.TB) {
				aethertest.Given(t, spoilt(func(d *actor.Decider[*light, any, switched]) {
					d.Decide = func(l *light, _ any) ([]switched, error) { return make([]switched, l.secret), nil }
				}), switched{}).When(1)
			}, "upon a snapshot",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := reported(test.run); !strings.Contains(got, test.want) {
				t.Errorf("the report is %q, want %q in it", got, test.want)
			}
		})
	}
}
