package storekit_test

import (
	"encoding/json"
	"errors"
	"iter"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/storekit"
)

func TestComplete(t *testing.T) {
	east := time.FixedZone("", 3600)
	now := time.Date(2026, 3, 1, 13, 0, 0, 123456789, east)
	utc := time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)
	bare := aether.Event{ActorID: "rover/1", Version: 1, Type: "RoverLanded", Data: json.RawMessage("{}")}
	full := bare
	full.ID, full.Version, full.Schema, full.Position = "e2", 2, 7, 99
	full.Metadata = aether.Metadata{CorrelationID: "c", CausationID: "d", Traceparent: "t"}
	full.Time = time.Date(1999, 1, 1, 0, 30, 0, 1999, east)
	other := bare
	other.Version = 3

	events := []aether.Event{bare, full, other}
	before := slices.Clone(events)
	got, err := storekit.Complete(events, now)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(events, before) {
		t.Errorf("the caller's events became %+v", events)
	}
	if got[0].ID == "" || got[2].ID == "" || got[0].ID == got[2].ID {
		t.Errorf("the IDs are %q and %q", got[0].ID, got[2].ID)
	}
	bare.ID, bare.Schema, bare.Time = got[0].ID, 1, utc
	full.Position, full.Time = 0, time.Date(1998, 12, 31, 23, 30, 0, 1000, time.UTC)
	other.ID, other.Schema, other.Time = got[2].ID, 1, utc
	if want := []aether.Event{bare, full, other}; !reflect.DeepEqual(got, want) {
		t.Errorf("complete, the events are\n%+v\nwant\n%+v", got, want)
	}

	// What was completed stays as it is when it is completed again.
	again, err := storekit.Complete(got, now.Add(time.Hour))
	if err != nil || !reflect.DeepEqual(again, got) {
		t.Errorf("completed again, the events are\n%+v, %v\nwant\n%+v", again, err, got)
	}

	// So nothing is saved with a zero time, not even one that is zero when it is cut.
	early := got[0]
	early.Time = time.Date(1, 1, 1, 0, 0, 0, 999, time.UTC)
	if got, err := storekit.Complete([]aether.Event{early}, now); err != nil || got[0].Time != utc {
		t.Errorf("the time of an event in the first microsecond of all is %v, %v; want %v", got[0].Time, err, utc)
	}

	bare.Type = ""
	if got, err := storekit.Complete([]aether.Event{bare}, now); got != nil || !errors.Is(err, aether.ErrInvalid) {
		t.Errorf("an event without a type: %v, %v", got, err)
	}
}

func TestCompleteSnapshot(t *testing.T) {
	now := time.Date(2026, 3, 1, 13, 0, 0, 123456789, time.FixedZone("", 3600))
	utc := time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)
	timeless := aether.Snapshot{ActorID: "rover/1", Version: 3, Data: []byte("state")}
	for _, given := range []time.Time{{}, now, utc, time.Date(1, 1, 1, 0, 0, 0, 999, time.UTC)} {
		snapshot := timeless
		snapshot.Time = given
		want := timeless
		want.Time = utc
		if got, err := storekit.CompleteSnapshot(snapshot, now); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("complete, the snapshot of %v is %+v, %v; want %+v", given, got, err, want)
		}
	}
	timeless.Version = 0
	if _, err := storekit.CompleteSnapshot(timeless, now); !errors.Is(err, aether.ErrInvalid) {
		t.Errorf("a snapshot of version 0: %v", err)
	}
}

// view is a store that has these versions and IDs; fails is the call that fails.
type view struct {
	events []aether.Event // those of the save
	latest map[string]aether.Version
	ids    map[string]aether.Version // "actor id" → version

	fails string
	calls []string
}

var errView = errors.New("disk on fire")

func (v *view) LatestVersion(i int) (aether.Version, error) {
	if err := v.called("latest " + v.events[i].ActorID); err != nil {
		return 0, err
	}
	return v.latest[v.events[i].ActorID], nil
}

func (v *view) FindEvent(i int) (aether.Version, error) {
	key := v.events[i].ActorID + " " + v.events[i].ID
	if err := v.called("find " + key); err != nil {
		return 0, err
	}
	return v.ids[key], nil
}

func (v *view) called(call string) error {
	v.calls = append(v.calls, call)
	if call == v.fails {
		return errView
	}
	return nil
}

func TestAdmit(t *testing.T) {
	e := func(actorID, id string, version aether.Version) aether.Event {
		return aether.Event{ActorID: actorID, ID: id, Version: version}
	}
	// What the store has: a/1 with x1 and x2, b/1 with y1.
	latest := map[string]aether.Version{"a/1": 2, "b/1": 1}
	ids := map[string]aether.Version{"a/1 x1": 1, "a/1 x2": 2, "b/1 y1": 1}

	for _, test := range []struct {
		name   string
		events []aether.Event
		fails  string
		write  bool
		err    error
		calls  string // of LatestVersion; every test may look for every event
	}{
		{"next version", []aether.Event{e("a/1", "x3", 3)}, "", true, nil, "a/1"},
		{"first version", []aether.Event{e("c/1", "z1", 1)}, "", true, nil, "c/1"},
		{"an ID of another actor", []aether.Event{e("c/1", "x1", 1)}, "", true, nil, "c/1"},
		{"several of one actor", []aether.Event{e("a/1", "x3", 3), e("a/1", "x4", 4), e("a/1", "x5", 5)}, "", true, nil, "a/1"},
		{"several of several", []aether.Event{e("a/1", "x3", 3), e("b/1", "y2", 2), e("a/1", "x4", 4), e("c/1", "z1", 1)}, "", true, nil, "a/1 b/1 c/1"},

		{"saved before", []aether.Event{e("a/1", "x2", 2)}, "", false, nil, ""},
		{"all saved before", []aether.Event{e("a/1", "x1", 1), e("b/1", "y1", 1), e("a/1", "x2", 2)}, "", false, nil, ""},

		{"too late", []aether.Event{e("a/1", "new", 2)}, "", false, &aether.ConflictError{ActorID: "a/1", Tried: 2, Latest: 2}, "a/1"},
		{"much too late", []aether.Event{e("a/1", "new", 1)}, "", false, &aether.ConflictError{ActorID: "a/1", Tried: 1, Latest: 2}, "a/1"},
		{"too early", []aether.Event{e("a/1", "new", 4)}, "", false, &aether.ConflictError{ActorID: "a/1", Tried: 4, Latest: 2}, "a/1"},
		{"no such actor", []aether.Event{e("c/1", "new", 2)}, "", false, &aether.ConflictError{ActorID: "c/1", Tried: 2}, "c/1"},
		{"the second actor is too late", []aether.Event{e("a/1", "x3", 3), e("b/1", "new", 1)}, "", false, &aether.ConflictError{ActorID: "b/1", Tried: 1, Latest: 1}, "a/1 b/1"},
		{"one saved before, one new", []aether.Event{e("a/1", "x2", 2), e("a/1", "x3", 3)}, "", false, &aether.ConflictError{ActorID: "a/1", Tried: 2, Latest: 2}, "a/1"},
		{"one actor saved before, one new", []aether.Event{e("c/1", "z1", 1), e("b/1", "y1", 1)}, "", false, &aether.ConflictError{ActorID: "b/1", Tried: 1, Latest: 1}, "c/1 b/1"},

		{"duplicate", []aether.Event{e("a/1", "x1", 3)}, "", false, &aether.DuplicateError{ActorID: "a/1", EventID: "x1", Tried: 3, Version: 1}, ""},
		{"duplicate at a lower version", []aether.Event{e("a/1", "x2", 1)}, "", false, &aether.DuplicateError{ActorID: "a/1", EventID: "x2", Tried: 1, Version: 2}, ""},
		{"duplicate behind a conflict", []aether.Event{e("b/1", "new", 1), e("a/1", "x1", 9)}, "", false, &aether.DuplicateError{ActorID: "a/1", EventID: "x1", Tried: 9, Version: 1}, ""},
		{"duplicate behind one saved before", []aether.Event{e("b/1", "y1", 1), e("a/1", "x1", 3)}, "", false, &aether.DuplicateError{ActorID: "a/1", EventID: "x1", Tried: 3, Version: 1}, ""},

		{"the search fails", []aether.Event{e("a/1", "x3", 3)}, "find a/1 x3", false, errView, ""},
		{"the latest version fails", []aether.Event{e("a/1", "x3", 3), e("b/1", "y2", 2)}, "latest b/1", false, errView, "a/1 b/1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := &view{events: test.events, latest: latest, ids: ids, fails: test.fails}
			write, err := storekit.Admit(test.events, v)
			if write != test.write || !reflect.DeepEqual(err, test.err) {
				t.Errorf("got %v, %#v; want %v, %#v", write, err, test.write, test.err)
			}
			var latestCalls []string
			for _, call := range v.calls {
				if actor, ok := strings.CutPrefix(call, "latest "); ok {
					latestCalls = append(latestCalls, actor)
				}
			}
			if got := strings.Join(latestCalls, " "); got != test.calls {
				t.Errorf("the latest version was asked of %q, want %q", got, test.calls)
			}
		})
	}
}

// stream yields n events of so many bytes, from a version on; err follows. It
// counts what was taken.
func stream(from aether.Version, n, size int, err error, taken *int) iter.Seq2[aether.Event, error] {
	data := json.RawMessage(strings.Repeat("1", size-len("a/1")))
	return func(yield func(aether.Event, error) bool) {
		for i := range n {
			*taken++
			if !yield(aether.Event{ActorID: "a/1", Version: from + aether.Version(i), Data: data}, nil) {
				return
			}
		}
		if err != nil {
			yield(aether.Event{}, err)
		}
	}
}

func TestWinners(t *testing.T) {
	for _, test := range []struct {
		name        string
		latest      aether.Version
		n, size     int
		err         error
		want, taken int
	}{
		{"none", 4, 0, 10, nil, 0, 0},
		{"all", 7, 3, 10, nil, 3, 3},
		{"not those saved since", 7, 5, 10, nil, 3, 4},
		{"as many as fit a save", 9999, 1000, 10, nil, 1000, 1000},
		{"no more", 9999, 5000, 10, nil, 1000, 1001},
		{"as many bytes as fit a save", 9999, 16, 1 << 20, nil, 16, 16},
		{"no more bytes", 9999, 18, 1 << 20, nil, 16, 17},
		{"an error", 9999, 2, 10, errView, 2, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			taken := 0
			conflict := aether.ConflictError{ActorID: "a/1", Tried: 5, Latest: test.latest}
			err := storekit.Winners(&conflict, stream(5, test.n, test.size, test.err, &taken))
			if err != test.err {
				t.Errorf("the error is %v, want %v", err, test.err)
			}
			if len(conflict.Events) != test.want || taken != test.taken {
				t.Errorf("%d events won and %d were read, want %d and %d", len(conflict.Events), taken, test.want, test.taken)
			}
			for i, e := range conflict.Events {
				if e.Version != aether.Version(5+i) {
					t.Fatalf("winner %d has version %d", i, e.Version)
				}
			}
		})
	}
}

func TestMatches(t *testing.T) {
	for _, test := range []struct {
		name    string
		options *aether.LogOptions
		want    string // of a/1 X, a/1 Y, b/1 X, which match
	}{
		{"no options", nil, "aX aY bX"},
		{"empty options", &aether.LogOptions{}, "aX aY bX"},
		{"a bound is not its business", &aether.LogOptions{To: 1}, "aX aY bX"},
		{"a kind", &aether.LogOptions{Kinds: []string{"a"}}, "aX aY"},
		{"kinds", &aether.LogOptions{Kinds: []string{"c", "b"}}, "bX"},
		{"an ID is no kind", &aether.LogOptions{Kinds: []string{"a/1", "a/"}}, ""},
		{"a type", &aether.LogOptions{Types: []string{"X"}}, "aX bX"},
		{"types", &aether.LogOptions{Types: []string{"Z", "Y"}}, "aY"},
		{"both", &aether.LogOptions{Kinds: []string{"a"}, Types: []string{"X"}}, "aX"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, e := range []struct{ name, actorID, eventType string }{{"aX", "a/1", "X"}, {"aY", "a/1", "Y"}, {"bX", "b/1", "X"}} {
				if storekit.Matches(test.options, e.actorID, e.eventType) {
					got = append(got, e.name)
				}
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("matched are %q, want %q", got, test.want)
			}
		})
	}
}
