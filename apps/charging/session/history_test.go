package session_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/charging/session"
)

// Random sessions, of which the station tells in any order and as often as it likes: there
// is one beginning, one end, each reading once, and the energy is what the meter counted.
func TestHistories(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for run := range 250 {
		rng := rand.New(rand.NewPCG(seed, uint64(run)))
		begin, finish := start(), stop()
		begin.MeterStart = rng.IntN(1e6)
		wh, clock := begin.MeterStart, now
		var readings []session.RawReading
		for range rng.IntN(40) {
			clock, wh = clock.Add(time.Duration(1+rng.IntN(600))*time.Second), wh+rng.IntN(500)
			readings = append(readings, at(clock, wh))
		}
		finish.MeterStop, finish.Timestamp, finish.Readings = wh, clock, readings[rng.IntN(len(readings)+1):]

		commands := []session.Command{begin, finish}
		for i := 0; i < len(readings); {
			n := min(1+rng.IntN(5), len(readings)-i)
			commands = append(commands, session.Record{Readings: readings[i : i+n]})
			i += n
		}
		for range rng.IntN(2 * len(commands)) { // repetitions, of some readings with others before
			i := rng.IntN(len(readings) + 1)
			commands = append(commands, commands[rng.IntN(len(commands))], session.Record{Readings: readings[i:min(len(readings), i+rng.IntN(9))]})
		}
		rng.Shuffle(len(commands), func(i, j int) { commands[i], commands[j] = commands[j], commands[i] })

		s, told := session.Initial(""), clock
		starts, stops, got := 0, 0, map[time.Time]float64{}
		for _, command := range commands {
			told = told.Add(time.Second)
			events, err := session.Decide(s, stamped(command, told))
			if err != nil {
				t.Fatalf("run %d: %+v is a fact, and is refused: %v", run, command, err)
			}
			for _, event := range events {
				s = session.Evolve(s, event)
				switch e := event.(type) {
				case session.SessionStarted:
					starts++
				case session.SessionStopped:
					stops++
				case session.MeterValuesRecorded:
					for _, r := range e.Readings {
						if _, twice := got[r.Time]; twice {
							t.Fatalf("run %d: a reading is there twice: %+v", run, r)
						}
						got[r.Time] = r.Samples[0].Value
					}
				}
			}
			if rng.IntN(20) == 0 {
				s = restored(t, s)
			}
		}
		d, err := s.Detail()
		if err != nil || starts != 1 || stops != 1 || d.Energy != wh-begin.MeterStart || d.MeterStop != wh || len(got) != len(readings) {
			t.Fatalf("run %d: %+v, %v; %d starts, %d stops, %d of %d readings", run, d, err, starts, stops, len(got), len(readings))
		}
		for _, r := range readings {
			if want, _ := session.Normalise(r.Samples[0]); got[r.Time] != want.Value {
				t.Fatalf("run %d: at %v the meter showed %v, not %v", run, r.Time, want.Value, got[r.Time])
			}
		}
		if slices.Contains(d.Flags, session.NoStart) || slices.Contains(d.Flags, session.ClockSkew) {
			t.Fatalf("run %d: flags %v", run, d.Flags)
		}
	}
}

func stamped(command session.Command, at time.Time) session.Command {
	switch c := command.(type) {
	case session.Start:
		c.At = at
		return c
	case session.Stop:
		c.At = at
		return c
	case session.Record:
		c.At = at
		return c
	}
	return command
}

// restored goes on from a snapshot.
func restored(t *testing.T, s *session.Session) *session.Session {
	t.Helper()
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	back := session.Initial("")
	if err := json.Unmarshal(data, back); err != nil {
		t.Fatal(err)
	}
	return back
}
