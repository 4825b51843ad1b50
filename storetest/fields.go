package storetest

import (
	"context"
	"regexp"
	"testing"
	"time"

	"github.com/aether-es/aether"
)

func fieldPromises() []promise {
	return []promise{
		{"every field comes back as it was saved", everyField},
		{"data comes back byte for byte", exactData},
		{"times come back in UTC and cut to the microsecond", cutTimes},
		{"a zero time is set when the event is saved", zeroTime},
		{"an empty ID becomes a UUIDv7 of its own", generatedIDs},
		{"a zero schema is saved as 1", zeroSchema},
		{"a position that the caller passes is ignored", ignoredPosition},
	}
}

// expectEverywhere fails the test unless the events of room/1, which are all
// there are, come back from every read.
func expectEverywhere(ctx context.Context, t *testing.T, store aether.EventStore, want []aether.Event) {
	t.Helper()
	expectStore(ctx, t, store, want)
	expectEvents(t, "FollowLog", take(t, "FollowLog", store.FollowLog(ctx, 0, nil), len(want)), want)
	_, err := store.SaveEvents(ctx, newEvent("room/1", 1))
	expectConflict(t, err, aether.ConflictError{ActorID: "room/1", Tried: 1, Latest: aether.Version(len(want)), Events: want})
}

func everyField(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	events := newEvents("room/1", 1, 6)
	events[0].Metadata = aether.Metadata{CorrelationID: "a", CausationID: "b", Traceparent: "c"}
	events[1].Metadata = aether.Metadata{CorrelationID: "only this"}
	events[2].Metadata = aether.Metadata{CausationID: `"quoted" \ and 'so'`}
	events[3].Metadata = aether.Metadata{Traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
	events[4].ID, events[4].Type, events[4].Schema = "not a UUID; ' OR 1=1 --", "Größe geändert 尺寸 🚀", 12
	events[5].ID, events[5].Type = " ", "*.>"
	expectEverywhere(ctx, t, store, save(ctx, t, store, events...))
}

func exactData(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	var events []aether.Event
	for i, data := range []string{
		`null`, `true`, `false`, `0`, `-0`, `-0.0`, `1e999`, `1E+2`, `0.10`, `12345678901234567890.123456789012345678901234567890`,
		`""`, `" "`, `"\u0000"`, `"\u00e9é"`, `"\ud800"`, `"\/"`, `"<&>\u2028"`, "\"\u2028\ufeff\ufffd\U0010ffff\"", `"'; DROP TABLE events; --"`,
		`[]`, `{}`, ` {} `, "\r\n\t[ 1 ,2 ]\n", `{"b":1,"a":2}`, `{"a":1,"a":2}`, `{"":{"":[[[]]]}}`,
	} {
		e := newEvent("room/1", aether.Version(i+1))
		e.Data = []byte(data)
		events = append(events, e)
	}
	expectEverywhere(ctx, t, store, save(ctx, t, store, events...))
}

// awkwardTimes are valid times that are not as they come back.
func awkwardTimes() []time.Time {
	east, west := time.FixedZone("east", 14*60*60), time.FixedZone("west", -12*60*60)
	return []time.Time{
		time.Date(2026, 2, 28, 23, 59, 59, 999_999_999, time.UTC),
		time.Date(2026, 2, 28, 23, 59, 59, 123_456_789, east),
		time.Date(2026, 2, 28, 23, 59, 59, 123_456_000, west),
		time.Now(), // with a monotonic clock
		time.Unix(0, 0),
		time.Unix(0, -1),
		time.Unix(-1, 999_999_999),
		time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC),
		time.Date(1, 1, 1, 14, 0, 1, 0, east),
		time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
		time.Date(9999, 12, 31, 11, 59, 59, 999_999_999, west),
	}
}

// cut returns a time as it comes back.
func cut(at time.Time) time.Time {
	at = at.UTC()
	return time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond()/1000*1000, time.UTC)
}

func cutTimes(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	var events []aether.Event
	for i, at := range awkwardTimes() {
		e := newEvent("room/1", aether.Version(i+1))
		e.Time = at
		events = append(events, e)
	}
	saved := save(ctx, t, store, events...)
	for i := range saved {
		saved[i].Time = cut(saved[i].Time)
	}
	expectEverywhere(ctx, t, store, saved)
}

func zeroTime(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	events := newEvents("room/1", 1, 3)
	events[0].Time, events[2].Time = time.Time{}, time.Time{}
	saved := save(ctx, t, store, events...)
	got := all(t, "GetEvents", store.GetEvents(ctx, "room/1", 0))
	for i := range got {
		// A minute is for an engine whose clock is another machine's.
		if off := time.Since(got[i].Time).Abs(); off > time.Minute {
			t.Errorf("event %d: time is %v, which is %v away", i+1, got[i].Time, off)
		}
		if got[i].Time.Nanosecond()%1000 != 0 {
			t.Errorf("event %d: time is %v, finer than a microsecond", i+1, got[i].Time)
		}
		if saved[i].Time.IsZero() {
			saved[i].Time = got[i].Time
		}
	}
	expectEverywhere(ctx, t, store, saved)
}

func generatedIDs(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	events := newEvents("room/1", 1, 100)
	for i := range events {
		events[i].ID = ""
	}
	saved := save(ctx, t, store, events...)
	for i := range saved {
		if saved[i].ID != "" {
			t.Fatal("the caller's events were modified")
		}
	}
	uuid := regexp.MustCompile("^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
	seen := make(map[string]bool)
	for i, e := range all(t, "GetEvents", store.GetEvents(ctx, "room/1", 0)) {
		if !uuid.MatchString(e.ID) {
			t.Errorf("event %d: %q is no UUIDv7", i+1, e.ID)
		}
		if seen[e.ID] {
			t.Errorf("event %d: %q is there twice", i+1, e.ID)
		}
		seen[e.ID] = true
		saved[i].ID = e.ID
	}
	expectEverywhere(ctx, t, store, saved)
	expectRepeat(ctx, t, store, 100, saved...)
}

func zeroSchema(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	events := newEvents("room/1", 1, 2)
	events[0].Schema, events[1].Schema = 0, 2
	saved := save(ctx, t, store, events...)
	saved[0].Schema = 1
	expectEverywhere(ctx, t, store, saved)
}

func ignoredPosition(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	events := newEvents("room/1", 1, 3)
	events[0].Position, events[1].Position, events[2].Position = 17, 1, 1<<63
	expectEverywhere(ctx, t, store, save(ctx, t, store, events...))
}
