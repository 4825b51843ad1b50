package effect

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/schema/schematest"
)

func TestGolden(t *testing.T) {
	at := time.Date(2026, 11, 21, 12, 30, 0, 250_000_000, time.UTC)
	const runner = "018f6a0e-7a35-7d3c-9d6e-2b1f0a4c5d6e"
	schematest.Golden(t, facts(), "testdata", []fact{
		started{Position: 7, Kinds: []string{"station"}, Types: []string{"UnlockRequested"}},
		started{},
		attempted{Attempt: 1, Runner: runner, Deadline: at, Target: "station/CP-1", Cause: Cause{"station/CP-1", 57, 1000}},
		withheld{Reason: "another call to the target is under way"},
		failed{Error: "timeout", RetryAt: at},
		failed{Error: "not done: offline", NotDone: true, RetryAt: at},
		done{Data: json.RawMessage(`{"status":"Unlocked"}`), Runner: runner},
		done{Reason: "the station said so", Runner: runner, Resolved: true},
		notDone{Reason: "offline", Runner: runner},
		notDone{Reason: "offline", Runner: runner, Resolved: true},
		inDoubt{Error: "timeout"},
		inDoubt{Error: "timeout", GaveUp: true},
		settled{By: "ann", Outcome: Outcome{Done: true, Data: json.RawMessage(`1`), Reason: "seen"}},
		settled{By: "ann"},
		recorded{},
	})
}

// The IDs of effects can be read, are within the limits and are never the same.
func TestEffectID(t *testing.T) {
	if maxID != actor.MaxCommandID {
		t.Errorf("an ID has %d bytes, that of a command %d", maxID, actor.MaxCommandID)
	}
	if got := effectID("unlock", "station/CP-1", 57); got != "effect/unlock/station/CP-1@57" {
		t.Error(got)
	}
	long := "a/" + strings.Repeat("b", aether.MaxNameLength-2)
	hash := effectID("unlock", long, 1)
	seen := make(map[string]string)
	for _, name := range []string{"unlock", "unlock@1", strings.Repeat("n", MaxName)} {
		for _, actorID := range []string{
			"a/b", "a/b@1", "a/b@11", "a/b@1@1", "a/b/c", "a/@1", "sha256-a/b", strings.TrimPrefix(hash, "effect/unlock/") + "/x",
			long, long[:len(long)-1], long[:len(long)-10], long[:len(long)-20] + "@1", long[:len(long)-20] + "@",
		} {
			for _, version := range []aether.Version{1, 11, 111, 1<<63 - 1} {
				id := effectID(name, actorID, version)
				cause := jsonOf(name, actorID, version)
				if before, ok := seen[id]; ok {
					t.Errorf("%s and %s are both %s", before, cause, id)
				}
				seen[id] = cause
				if err := aether.CheckActorID(id); err != nil || len(id) > maxID {
					t.Errorf("%s: %v", id, err)
				}
				if nameOf(id) != name || nameOf(markerID(name)) != "" {
					t.Errorf("%s is of %q", id, nameOf(id))
				}
			}
		}
	}
}

// What a marker selects includes what another one selects.
func TestIncludes(t *testing.T) {
	some := []string{"a", "b"}
	for _, test := range []struct {
		marker, own started
		want        bool
	}{
		{started{}, started{}, true},
		{started{}, started{Kinds: some, Types: some}, true},
		{started{Kinds: some}, started{}, false},
		{started{Types: some}, started{}, false},
		{started{Types: some}, started{Types: some[1:]}, true},
		{started{Types: some[1:]}, started{Types: some}, false},
		{started{Kinds: some[1:]}, started{Kinds: some}, false},
		{started{Kinds: some, Types: some}, started{Kinds: some[:1], Types: some}, true},
	} {
		if got := test.marker.includes(test.own); got != test.want {
			t.Errorf("%+v includes %+v: %v", test.marker, test.own, got)
		}
	}
}

func jsonOf(values ...any) string {
	b, err := json.Marshal(values)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// The waits grow to the longest, are between a half and the whole, and the limits
// hold at their edges.
func TestRetry(t *testing.T) {
	r := Retry{MinBackoff: time.Second, MaxBackoff: 5 * time.Second, Attempts: 3, Within: time.Minute}
	for failures, d := range []time.Duration{0, 1, 2, 4, 5, 5} {
		for range 100 {
			if got := r.wait(failures); failures > 0 && (got < d*time.Second/2 || got > d*time.Second) {
				t.Errorf("after %d failures the wait is %s", failures, got)
			}
		}
	}
	for _, longest := range []time.Duration{1, 0, 1 << 62} {
		if got := (Retry{MinBackoff: 1, MaxBackoff: longest}).wait(1 << 40); got < 0 || got > longest {
			t.Errorf("the wait is %s", got)
		}
	}
	now := time.Now()
	for _, test := range []struct {
		first    time.Time
		failures int
		want     bool
	}{
		{now, 1, true}, {now, 2, true}, {now, 3, false}, {now, 4, false},
		{now.Add(-58 * time.Second), 1, true}, {now.Add(-60 * time.Second), 1, false},
	} {
		if _, ok := r.next(now, test.first, test.failures); ok != test.want {
			t.Errorf("%d failures in %s: %v", test.failures, now.Sub(test.first), ok)
		}
	}
}
