package modeltest

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"testing"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/aethertest"
	"github.com/aether-es/aether/effect"
	"github.com/aether-es/aether/schema"
)

// The model station: one connector that can be unlocked. That it is done at most
// once for each request is the promise that the other files of this name prove, at
// random and with a process that is killed.
//
// A real station's heartbeats are in no stream. This one's are, since they are what
// meets an unlock at the same moment.

// station is the state.
type station struct {
	Connector string `json:"connector"` // "free", "reserved", "unlocked"
	Request   string `json:"request"`   // whose it is, unless it is free
	Fault     bool   `json:"fault"`
	Beats     int    `json:"beats"`

	// Outcomes has each request that was accepted: "" until it is known how it ended.
	Outcomes map[string]string `json:"outcomes"`

	// Sum depends on every event and on their order: a state that lacks one, or has
	// one twice, has another.
	Sum uint64 `json:"sum"`
}

// The outcomes.
const (
	unlockDone    = "done"
	unlockFailed  = "failed"
	unlockUnknown = "unknown" // written off by a person, who does not know either
)

// command is what a station can be told. Only askUnlock can be refused; the others
// have happened.
type (
	command   interface{ command() }
	askUnlock struct{ Request string }
	beat      struct{}
	fault     struct{ On bool }
	lock      struct{} // the cable is out, the connector can be used again
	endUnlock struct{ Request, Outcome, Reason string }
)

func (askUnlock) command() {}
func (beat) command()      {}
func (fault) command()     {}
func (lock) command()      {}
func (endUnlock) command() {}

// happened is an event.
type (
	happened interface{ happened() }

	unlockRequested struct {
		Request string `json:"request"`
	}
	unlockEnded struct {
		Request string `json:"request"`
		Reason  string `json:"reason,omitempty"`
	}
	doneEvent     struct{ unlockEnded }
	failedEvent   struct{ unlockEnded }
	unknownEvent  struct{ unlockEnded }
	beatReceived  struct{}
	faultReported struct{}
	faultCleared  struct{}
	locked        struct{}
)

func (unlockRequested) happened() {}
func (unlockEnded) happened()     {}
func (beatReceived) happened()    {}
func (faultReported) happened()   {}
func (faultCleared) happened()    {}
func (locked) happened()          {}

func stationEvents() *schema.Registry[happened] {
	return schema.New[happened](
		schema.Type[unlockRequested]("UnlockRequested"),
		schema.Type[doneEvent]("UnlockDone"),
		schema.Type[failedEvent]("UnlockFailed"),
		schema.Type[unknownEvent]("UnlockUnknown"),
		schema.Type[beatReceived]("HeartbeatReceived"),
		schema.Type[faultReported]("FaultReported"),
		schema.Type[faultCleared]("FaultCleared"),
		schema.Type[locked]("ConnectorLocked"),
	)
}

func stationDecider() actor.Decider[*station, command, happened] {
	return actor.Decider[*station, command, happened]{
		Kind:   "station",
		Events: stationEvents(),
		Initial: func(string) *station {
			return &station{Connector: "free", Outcomes: make(map[string]string)}
		},
		Decide:    decideStation,
		Evolve:    evolveStation,
		Conflicts: func(_ command, theirs []happened) bool { return !onlyBeats(theirs) },
		Snapshots: actor.JSONSnapshots[*station](1),
	}
}

// onlyBeats says whether events commute with everything.
func onlyBeats(events []happened) bool {
	for _, e := range events {
		if _, ok := e.(beatReceived); !ok {
			return false
		}
	}
	return true
}

func decideStation(s *station, c command) ([]happened, error) {
	switch c := c.(type) {
	case askUnlock:
		switch {
		case s.Fault:
			return nil, aether.Refuse("faulted", "the station has a fault")
		case s.Connector != "free":
			return nil, aether.Refuse("occupied", "the connector is %s", s.Connector)
		}
		return []happened{unlockRequested{c.Request}}, nil
	case beat:
		return []happened{beatReceived{}}, nil
	case fault:
		switch {
		case c.On == s.Fault:
			return nil, nil
		case c.On:
			return []happened{faultReported{}}, nil
		}
		return []happened{faultCleared{}}, nil
	case lock:
		if s.Connector != "unlocked" {
			return nil, nil
		}
		return []happened{locked{}}, nil
	case endUnlock:
		ended := unlockEnded{c.Request, c.Reason}
		switch {
		case s.Outcomes[c.Request] != "":
			return nil, nil
		case c.Outcome == unlockDone:
			return []happened{doneEvent{ended}}, nil
		case c.Outcome == unlockFailed:
			return []happened{failedEvent{ended}}, nil
		}
		return []happened{unknownEvent{ended}}, nil
	}
	return nil, errors.New("no such command")
}

func evolveStation(s *station, event happened) *station {
	end := func(request, outcome, connector string) {
		s.Outcomes[request] = outcome
		if s.Request == request {
			s.Connector, s.Request = connector, ""
		}
	}
	switch e := event.(type) {
	case unlockRequested:
		s.Connector, s.Request, s.Outcomes[e.Request] = "reserved", e.Request, ""
	case doneEvent:
		end(e.Request, unlockDone, "unlocked")
	case failedEvent:
		end(e.Request, unlockFailed, "free")
	case unknownEvent:
		end(e.Request, unlockUnknown, "free")
	case beatReceived:
		s.Beats++
	case faultReported:
		s.Fault = true
	case faultCleared:
		s.Fault = false
	case locked:
		s.Connector = "free"
	}
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d %T %+v", s.Sum, event, event)
	s.Sum = h.Sum64()
	return s
}

// What a station answers to a call, and what a person settles with.
const (
	saysUnlocked = `"unlocked"`
	saysRefused  = `"refused"`
	saysUnknown  = `"unknown"`
)

// outcomeFact turns the outcome of a call into the command that records it.
func outcomeFact(request string, o effect.Outcome) endUnlock {
	fact := endUnlock{Request: request, Outcome: unlockFailed, Reason: o.Reason}
	switch {
	case o.Done && string(o.Data) == saysUnlocked:
		fact.Outcome = unlockDone
	case o.Done && string(o.Data) == saysUnknown:
		fact.Outcome = unlockUnknown
	}
	return fact
}

// requestOf returns the request in the event that asked for a call.
func requestOf(event aether.Event) (string, error) {
	var e unlockRequested
	err := json.Unmarshal(event.Data, &e)
	return e.Request, err
}

func TestStationDecider(t *testing.T) {
	free := aethertest.Given(t, stationDecider())
	reserved := free.When(askUnlock{"a"}).Then(unlockRequested{"a"})
	reserved.When(askUnlock{"b"}).ThenRefused("occupied")
	reserved.When(lock{}).Then()
	reserved.When(beat{}).Then(beatReceived{}).When(endUnlock{"a", unlockFailed, "x"}).Then(failedEvent{unlockEnded{"a", "x"}}).
		When(askUnlock{"b"}).Then(unlockRequested{"b"})
	reserved.When(endUnlock{"a", unlockUnknown, "x"}).Then(unknownEvent{unlockEnded{"a", "x"}}).
		When(endUnlock{"a", unlockDone, ""}).Then()
	reserved.When(fault{true}).Then(faultReported{}).When(fault{true}).Then().
		When(endUnlock{"a", unlockDone, ""}).Then(doneEvent{unlockEnded{"a", ""}}).
		When(askUnlock{"b"}).ThenRefused("faulted").
		When(fault{false}).Then(faultCleared{}).
		When(askUnlock{"b"}).ThenRefused("occupied").
		When(lock{}).Then(locked{}).
		When(askUnlock{"b"}).Then(unlockRequested{"b"})
}
