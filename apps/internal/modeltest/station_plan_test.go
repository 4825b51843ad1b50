package modeltest

import (
	"time"

	"pgregory.net/rapid"
)

// plan is everything that chance decides in a history, drawn before it begins: what
// runs in a bubble cannot draw, since rapid ends a test by a panic.
type plan struct {
	Stations int
	Lives    [2][]life // of the two processes; those after the last are without trouble
	Clients  [][]act
	Manners  []manner // how stations take calls, in turn
	Attempts int
	Begin    bool // before the first command, instead of FromStart
	Resolve  resolving
	Records  []trouble       // of recording outcomes, in turn
	People   []time.Duration // when somebody looks after what is in doubt
	Settle   []settling      // what they do, in turn
}

// life is that of one process.
type life struct {
	DiesAtSave int  // which one, 0 for none
	Lands      bool // a save under way when it dies is carried out
	Hangs      bool // after death calls of the store do not return, else they fail
	EndsAt     time.Duration
	Gracefully bool // then, instead of dying
	Down       time.Duration
	Skew       time.Duration // of its clock
	Store      []trouble     // of its calls, in turn
}

// trouble is what happens to a call of the store.
type trouble struct {
	Before, After time.Duration
	Fails         bool // before it is carried out
	Lost          bool // after it
}

// manner is how a station takes a call.
type manner struct {
	Before, After time.Duration // it acts, it answers
	Acts          bool
	Answer        answering
	Deaf          bool  // the call does not obey its ctx
	Dies          dying // the process that calls
}

type (
	resolving int
	settling  int
	answering int
	dying     int
	doing     int
)

const (
	cannotResolve resolving = iota
	resolves
	resolvesSometimes
)

const (
	leaves settling = iota
	looksItUp
	writesOff
)

const (
	answers answering = iota
	losesAnswer
	isOffline // nothing is sent
	panics    // the caller does, once it has sent
)

const (
	survives dying = iota
	diesBefore
	diesAfter
)

const (
	doesUnlock doing = iota
	doesBeat
	doesFault
	doesClear
	doesLock
	doesLook
)

// act is what a client does, after a pause.
type act struct {
	Pause    time.Duration
	What     doing
	Station  int
	Node     int           // that is asked first
	Patience time.Duration // with the first try, 0 for any
	Seen     bool          // passes the version it has seen
}

// oneOf draws one of some values; those that shall come often are there often.
func oneOf[T any](t *rapid.T, name string, values ...T) T {
	return rapid.SampledFrom(values).Draw(t, name)
}

func drawPlan(t *rapid.T) *plan {
	p := &plan{
		Stations: oneOf(t, "stations", 1, 1, 2),
		Attempts: oneOf(t, "attempts", 1, 2, 3),
		Begin:    rapid.Bool().Draw(t, "begin"),
		Resolve:  oneOf(t, "resolve", cannotResolve, resolves, resolvesSometimes),
	}
	for i := range p.Lives {
		p.Lives[i] = rapid.SliceOfN(rapid.Custom(drawLife), 0, 4).Draw(t, "lives")
	}
	p.Clients = rapid.SliceOfN(rapid.SliceOfN(rapid.Custom(drawAct), 3, 10), 2, 6).Draw(t, "clients")
	p.Manners = rapid.SliceOfN(rapid.Custom(drawManner), 1, 8).Draw(t, "manners")
	p.Records = rapid.SliceOfN(rapid.SampledFrom([]trouble{{}, {}, {Fails: true}, {Lost: true}}), 1, 4).Draw(t, "records")
	p.People = rapid.SliceOfN(rapid.SampledFrom([]time.Duration{5 * time.Second, 17 * time.Second, time.Minute}), 0, 2).Draw(t, "people")
	p.Settle = rapid.SliceOfN(rapid.SampledFrom([]settling{leaves, looksItUp, writesOff}), 1, 4).Draw(t, "settle")
	return p
}

func drawLife(t *rapid.T) life {
	return life{
		DiesAtSave: oneOf(t, "dies at save", 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 9, 12, 20),
		Lands:      rapid.Bool().Draw(t, "lands"),
		Hangs:      rapid.Bool().Draw(t, "hangs"),
		EndsAt:     oneOf(t, "ends at", 0, 0, time.Second, 2500*time.Millisecond, 5*time.Second, 11*time.Second, 30*time.Second),
		Gracefully: oneOf(t, "gracefully", false, false, true),
		Down:       oneOf(t, "down", 0, 10*time.Millisecond, time.Second, 8*time.Second, 40*time.Second),
		Skew:       oneOf(t, "skew", 0, 2*time.Second, -2*time.Second),
		Store: rapid.SliceOfN(rapid.SampledFrom([]trouble{
			{}, {}, {}, {}, {Before: time.Millisecond}, {After: time.Millisecond}, {Before: 20 * time.Millisecond},
			{After: 300 * time.Millisecond}, {Before: 12 * time.Second}, {Fails: true}, {Lost: true}, {Before: time.Second, Lost: true},
		}), 1, 12).Draw(t, "store"),
	}
}

func drawAct(t *rapid.T) act {
	return act{
		Pause: oneOf(t, "pause", 0, 0, time.Millisecond, 10*time.Millisecond, 500*time.Millisecond, 4*time.Second, 15*time.Second),
		What: oneOf(t, "what", doesUnlock, doesUnlock, doesUnlock, doesUnlock, doesBeat, doesBeat, doesBeat, doesBeat,
			doesFault, doesClear, doesClear, doesClear, doesLock, doesLock, doesLock, doesLook),
		Station:  rapid.IntRange(0, 1).Draw(t, "station"),
		Node:     rapid.IntRange(0, 1).Draw(t, "node"),
		Patience: oneOf(t, "patience", 0, 0, 0, time.Microsecond, time.Millisecond, 50*time.Millisecond),
		Seen:     oneOf(t, "seen", false, false, true),
	}
}

func drawManner(t *rapid.T) manner {
	return manner{
		Before: oneOf(t, "before", 0, 100*time.Millisecond, 3*time.Second, 12*time.Second),
		After:  oneOf(t, "after", 0, 100*time.Millisecond, 3*time.Second, 20*time.Second),
		Acts:   oneOf(t, "acts", true, true, false),
		Answer: oneOf(t, "answer", answers, answers, answers, losesAnswer, isOffline, panics),
		Deaf:   oneOf(t, "deaf", false, false, false, true),
		Dies:   oneOf(t, "dies", survives, survives, survives, diesBefore, diesAfter),
	}
}
