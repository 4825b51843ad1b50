package registry

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/charging/session"
	"github.com/aether-es/aether/schema/schematest"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// refusedFor says whether an error is a refusal for a reason.
func refusedFor(err error, reason string) bool {
	refusal := (*aether.Refusal)(nil)
	return errors.As(err, &refusal) && refusal.Reason == reason
}

func TestAuthorise(t *testing.T) {
	t.Parallel()
	tag := func(status Status, more ...func(*Tag)) *Tag {
		t := &Tag{IDTag: "ANN", Status: status}
		for _, change := range more {
			change(t)
		}
		return t
	}
	until := func(at time.Time) func(*Tag) { return func(t *Tag) { t.Expires = at } }
	for _, c := range []struct {
		name        string
		tag, parent *Tag
		running     int
		want        Status
	}{
		{"unknown", nil, nil, 0, Invalid},
		{"accepted", tag(Accepted), nil, 0, Accepted},
		{"blocked", tag(Blocked), nil, 0, Blocked},
		{"expires later", tag(Accepted, until(noon.Add(time.Second))), nil, 0, Accepted},
		{"expires now", tag(Accepted, until(noon)), nil, 0, Expired},
		{"its group is blocked", tag(Accepted), tag(Blocked), 0, Blocked},
		{"its group has expired", tag(Accepted), tag(Accepted, until(noon)), 0, Expired},
		{"its group is a name only", tag(Accepted), nil, 0, Accepted},
		{"one runs", tag(Accepted), nil, 1, ConcurrentTx},
		{"one runs, and more may", tag(Accepted, func(t *Tag) { t.Concurrent = true }), nil, 1, Accepted},
		{"blocked, and one runs", tag(Blocked), nil, 1, Blocked},
	} {
		if got := Authorise(c.tag, c.parent, c.running, noon); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestIDTags(t *testing.T) {
	t.Parallel()
	ann := Tag{IDTag: "Ann", Status: Accepted, Expires: noon}
	events, err := DecideIDTag(nil, SetIDTag{ann, noon})
	if err != nil || len(events) != 1 {
		t.Fatalf("%v, %v", events, err)
	}
	state := EvolveIDTag(nil, events[0])
	if again, err := DecideIDTag(state, SetIDTag{ann, noon.Add(time.Hour)}); err != nil || len(again) != 0 {
		t.Errorf("the same again: %v, %v", again, err)
	}
	for _, bad := range []Tag{
		{}, {IDTag: strings.Repeat("x", 21), Status: Accepted}, {IDTag: "a\nb", Status: Accepted}, {IDTag: "a", Status: "Expired"},
		{IDTag: "a", Status: Accepted, Parent: "A"}, {IDTag: "a", Status: Accepted, Expires: noon.AddDate(9000, 0, 0)},
	} {
		if _, err := DecideIDTag(nil, SetIDTag{bad, noon}); !refusedFor(err, BadIDTag) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := DecideIDTag(nil, RemoveIDTag{noon}); !refusedFor(err, NoIDTag) {
		t.Errorf("to remove what is not there: %v", err)
	}
	events, err = DecideIDTag(state, RemoveIDTag{noon})
	if err != nil || EvolveIDTag(state, events[0]) != nil {
		t.Errorf("removed: %v, %v", events, err)
	}
}

func TestTariffs(t *testing.T) {
	t.Parallel()
	tariff := Zoned{session.Tariff{ID: "default", Currency: "EUR", Rate: session.Rate{PerKWh: 45}}, "Europe/Berlin"}
	events, err := DecideTariff(nil, SetTariff{tariff, noon})
	if err != nil || len(events) != 1 {
		t.Fatalf("%v, %v", events, err)
	}
	state := EvolveTariff(nil, events[0])
	if again, err := DecideTariff(state, SetTariff{tariff, noon}); err != nil || len(again) != 0 {
		t.Errorf("the same again: %v, %v", again, err)
	}
	for _, zone := range []string{"Local", "Europe/Atlantis", "../etc/passwd"} {
		if _, err := DecideTariff(nil, SetTariff{Zoned{tariff.Tariff, zone}, noon}); !refusedFor(err, BadTariff) {
			t.Errorf("in %s: %v", zone, err)
		}
	}
	if zone, err := (&Zoned{}).Location(); err != nil || zone != time.UTC {
		t.Errorf("without a zone it is %v, %v", zone, err)
	}
	if _, err := DecideTariff(nil, SetTariff{Zoned{session.Tariff{ID: "x", Currency: "euro"}, ""}, noon}); !refusedFor(err, session.BadTariff) {
		t.Errorf("in euro: %v", err)
	}
}

// A new key is good beside the old one until it is known which of them the station has.
func TestKeys(t *testing.T) {
	t.Parallel()
	r := InitialRecord("")
	do := func(command RecordCommand, want ...string) {
		t.Helper()
		events, err := DecideRecord(r, command)
		if err != nil {
			t.Fatalf("%+v: %v", command, err)
		}
		for _, e := range events {
			r = EvolveRecord(r, e)
		}
		if !slices.Equal(r.Keys, want) {
			t.Errorf("after %+v the keys are %v, want %v", command, r.Keys, want)
		}
	}
	do(ChangeCredentials{Credentials{1, []string{"a"}}, false, noon}, "a")
	do(NewKey{"c", noon}, "a", "c")
	if _, err := DecideRecord(r, NewKey{"d", noon}); !refusedFor(err, KeyPending) {
		t.Errorf("a third key: %v", err) // the station may have the second
	}
	do(ConfirmKey{"b", noon}, "a", "c")
	do(DropKey{"b", noon}, "a", "c")
	do(DropKey{"c", noon}, "a")
	do(DropKey{"a", noon}, "a") // the last one stays
	do(NewKey{"d", noon}, "a", "d")
	do(ConfirmKey{"d", noon}, "d")
	for _, bad := range []Credentials{{0, nil}, {4, nil}, {-1, nil}, {2, nil}} {
		if _, err := DecideRecord(r, ChangeCredentials{bad, false, noon}); !refusedFor(err, BadCredentials) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	do(ChangeCredentials{Credentials{3, nil}, false, noon})
	do(ChangeCredentials{Credentials{1, []string{"e"}}, true, noon}, "e") // registered anew
	for _, bad := range []Note{{Label: "a\x00"}, {Connectors: []Plug{{Current: "both"}}}, {Connectors: []Plug{{MaxPowerW: -1}}}, {Connectors: make([]Plug, 201)}} {
		if _, err := DecideRecord(r, ChangeNote{bad, noon}); !refusedFor(err, BadRecord) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// Whoever knocks, and however often: the inbox stays small, and so does its stream; and who
// keeps knocking stays in it.
func TestInboxIsBounded(t *testing.T) {
	t.Parallel()
	inbox, saved := InitialInbox(""), 0
	do := func(command InboxCommand) error {
		events, err := DecideInbox(inbox, command)
		saved += len(events)
		for _, e := range events {
			inbox = EvolveInbox(inbox, e)
		}
		return err
	}
	knock := func(identity string, at time.Time) {
		t.Helper()
		if err := do(Knock{identity, "192.0.2.1", at}); err != nil {
			t.Fatal(err)
		}
	}
	for range 1000 {
		knock("CP-1", noon)
	}
	if saved != 1 || len(inbox) != 1 {
		t.Errorf("one station has led to %d events", saved)
	}
	for i := range 5000 { // random names, within a minute
		knock(fmt.Sprint("R-", i), noon.Add(time.Minute))
	}
	if saved != 1+MaxNewcomers {
		t.Errorf("random names have led to %d events in a minute, want %d", saved-1, MaxNewcomers)
	}
	now := noon.Add(time.Minute)
	for i := range 4 * 60 * MaxNewcomers { // for four hours
		now = now.Add(time.Minute / MaxNewcomers)
		knock("CP-1", now)
		knock(fmt.Sprint("X-", i), now)
	}
	if _, ok := inbox["CP-1"]; len(inbox) != MaxInbox || !ok {
		t.Errorf("there are %d strangers; the one that keeps knocking is there: %v", len(inbox), ok)
	}
	if most := 4 * 2 * MaxInbox; saved > most {
		t.Errorf("four hours have led to %d events, want %d at most", saved, most)
	}
	before := saved
	knock("CP-2", now)
	if saved != before {
		t.Error("a full inbox takes a newcomer")
	}
	now = now.Add(2 * KnockedIn)
	knock("CP-2", now)
	if _, ok := inbox["CP-2"]; !ok || len(inbox) != MaxInbox || saved != before+2 {
		t.Errorf("the one that has been away for long keeps its place: %d strangers", len(inbox))
	}
	last := "CP-2"
	if err := do(Forget{last, Dismissed, noon}); err != nil || len(inbox) != MaxInbox-1 {
		t.Errorf("dismissed: %v", err)
	}
	if err := do(Forget{last, Dismissed, noon}); !refusedFor(err, NotInInbox) {
		t.Errorf("dismissed again: %v", err)
	}
	if err := do(Forget{last, Known, noon}); err != nil {
		t.Errorf("it was registered: %v", err)
	}
}

func TestEventsAreKept(t *testing.T) {
	t.Parallel()
	at := noon
	schematest.Golden(t, IDTagEvents(), "testdata/id-tag", []IDTagEvent{IDTagSet{Tag{"ANN", Accepted, "GROUP", noon, "Ann's", true}, at}, IDTagRemoved{at}})
	schematest.Golden(t, TariffEvents(), "testdata/tariff", []TariffEvent{TariffSet{Zoned{session.Tariff{ID: "default", Currency: "EUR"}, "UTC"}, at}, TariffRemoved{at}})
	schematest.Golden(t, RecordEvents(), "testdata/station-record", []RecordEvent{NoteChanged{Note{"a", "b", "c", []Plug{{"Type2", "AC", 22_000}}}, at}, CredentialsChanged{Credentials{1, []string{"x"}}, at}})
	schematest.Golden(t, InboxEvents(), "testdata/inbox", []InboxEvent{StrangerKnocked{"CP-1", "192.0.2.1", at}, StrangerForgotten{"CP-1", Known, at}})
}
