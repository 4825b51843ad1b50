package natsstore

import (
	"strings"
	"testing"

	"github.com/aether-es/aether"
	"github.com/nats-io/nats.go"
)

func TestSubjects(t *testing.T) {
	s := names("aether").subjects(eventsRole, "default")
	for actorID, want := range map[string]string{
		"rover/spirit":      "aether.events.default.rover.spirit",
		"station/CP-1":      "aether.events.default.station.CP-1",
		"grid/a/b":          "aether.events.default.grid.a/b",
		"a/b.c":             "aether.events.default.a.b%2Ec",
		"a/*":               "aether.events.default.a.%2A",
		"a/>":               "aether.events.default.a.%3E",
		"a b/c d":           "aether.events.default.a%20b.c%20d",
		"a/%2E":             "aether.events.default.a.%252E",
		"a/ä":               "aether.events.default.a.%C3%A4",
		"./.":               "aether.events.default.%2E.%2E",
		"$/\u2028":          "aether.events.default.%24.%E2%80%A8",
		"UPPER/Case_and-~!": "aether.events.default.UPPER.Case_and-~!",
	} {
		if got := s.of(actorID); got != want {
			t.Errorf("the subject of %q is %q, want %q", actorID, got, want)
		}
		if got, ok := s.actor(want); !ok || got != actorID {
			t.Errorf("the actor of %q is %q, %v; want %q", want, got, ok, actorID)
		}
	}
	for _, subject := range []string{
		"", "aether.events.default.", "aether.events.default.a", "aether.events.default.a.", "aether.events.default..b",
		"aether.events.default.a.b.c", "aether.events.other.a.b", "aether.events.default.a.%", "aether.events.default.a.%2",
		"aether.events.default.a.%2e", "aether.events.default.a.%41", "aether.events.default.a/b.c", "aether.events.default.a.b c",
	} {
		if got, ok := s.actor(subject); ok {
			t.Errorf("the subject %q is taken for that of actor %q", subject, got)
		}
	}
}

func TestPlaceNames(t *testing.T) {
	long := strings.Repeat("x", 255)
	seen := make(map[string]string)
	for _, namespace := range []string{"default", "a-b_c", "A", "a", "a.b", "a b", "*", ">", "..", "/", "ä", long, long[:254], long[:64], long[:65], "~", "~a"} {
		name := placeName(namespace)
		if other, ok := seen[name]; ok {
			t.Errorf("%q and %q are both called %q", namespace, other, name)
		}
		seen[name] = namespace
		if strings.ContainsAny(name, ".*> /\\") || len(name) > 64 || name == "" {
			t.Errorf("%q is called %q, which does not do for a stream and a folder", namespace, name)
		}
	}
	if got := placeName("default"); got != "default" {
		t.Errorf("a plain namespace is called %q", got)
	}
}

func FuzzSubject(f *testing.F) {
	for _, actorID := range []string{"rover/spirit", "a/b.c*>% \x7f", "ä/ö/ü", "%/%25"} {
		f.Add(actorID)
	}
	s := names("aether").subjects(eventsRole, "default")
	f.Fuzz(func(t *testing.T, text string) {
		if aether.CheckActorID(text) == nil {
			subject := s.of(text)
			if strings.ContainsAny(subject, "*> \t\r\n") || strings.Count(subject, ".") != 4 {
				t.Fatalf("the subject of %q is %q", text, subject)
			}
			if got, ok := s.actor(subject); !ok || got != text {
				t.Fatalf("%q came back as %q, %v", text, got, ok)
			}
		}
		// What is taken for a subject is the one of the actor that it is taken for.
		if actorID, ok := s.actor(s.prefix + text); ok && s.of(actorID) != s.prefix+text {
			t.Fatalf("%q is taken for actor %q, whose subject is %q", text, actorID, s.of(actorID))
		}
	})
}

func FuzzMessage(f *testing.F) {
	f.Add("id", "3", "Type", "7", "2026-11-21T09:30:00.123456Z", "2", "c", " %20", `{"a":1}`)
	f.Add("", "0", "", "x", "2026", "-1", "%", "%zz", "")
	s := names("aether").subjects(eventsRole, "default")
	f.Fuzz(func(t *testing.T, id, version, eventType, schema, at, more, correlation, causation, data string) {
		m := &nats.Msg{Subject: s.of("a/1"), Data: []byte(data), Header: nats.Header{
			headerID: {id}, headerVersion: {version}, headerType: {eventType}, headerSchema: {schema},
			headerTime: {at}, headerMore: {more}, headerCorrelation: {correlation}, headerCausation: {causation},
		}}
		e, following, err := s.decodeEvent(m)
		if err != nil {
			return
		}
		again, next, err := s.decodeEvent(encodeEvent(m.Subject, &e, following))
		if err != nil || next != following || again.ID != e.ID || again.Type != e.Type || again.Version != e.Version ||
			again.Schema != e.Schema || !again.Time.Equal(e.Time) || again.Metadata != e.Metadata || string(again.Data) != string(e.Data) {
			t.Fatalf("%+v, %d came back as %+v, %d, %v", e, following, again, next, err)
		}
	})
}

func FuzzValue(f *testing.F) {
	f.Add(" a b % ")
	f.Fuzz(func(t *testing.T, text string) {
		value := escapeValue(text)
		if got, ok := unescapeValue(value); !ok || got != text || strings.TrimSpace(value) != value && strings.TrimSpace(text) == text {
			t.Fatalf("%q came back as %q, %v, from %q", text, got, ok, value)
		}
		if strings.HasPrefix(value, " ") || strings.HasSuffix(value, " ") {
			t.Fatalf("the value %q of %q would be trimmed", value, text)
		}
	})
}
