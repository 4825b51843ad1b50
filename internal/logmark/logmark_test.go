package logmark_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/internal/logmark"
	"github.com/aether-es/aether/memstore"
)

func newLog(t *testing.T, events int, data string) aether.EventStore {
	t.Helper()
	engine := memstore.New()
	t.Cleanup(func() { _ = engine.Close() })
	store, err := engine.Namespace(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	for i := range events {
		e := aether.Event{ID: fmt.Sprint(i), ActorID: "room/1", Version: aether.Version(i + 1), Type: "Opened", Data: []byte(data)}
		if _, err := store.SaveEvents(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	return store
}

func TestMark(t *testing.T) {
	log := newLog(t, 5, `{"a":1}`)
	expect := func(name string, log aether.EventStore, mark logmark.Mark, want bool) {
		t.Helper()
		if got, err := logmark.Holds(t.Context(), log, mark); err != nil || got != want {
			t.Errorf("%s: %v, %v; want %v", name, got, err, want)
		}
	}
	mark, err := logmark.At(t.Context(), log, 4)
	if err != nil || mark.Position != 4 || mark.Digest == (logmark.Digest{}) {
		t.Fatalf("At: %+v, %v", mark, err)
	}
	expect("the same log", log, mark, true)
	expect("a shorter log", newLog(t, 3, `{"a":1}`), mark, false)
	expect("another history", newLog(t, 5, `{"a":2}`), mark, false)
	expect("another position", log, logmark.Mark{Position: 5, Digest: mark.Digest}, false)
	expect("the beginning", newLog(t, 0, ``), logmark.Mark{}, true)

	if mark, err := logmark.At(t.Context(), log, 6); err != nil || mark != (logmark.Mark{}) {
		t.Errorf("At beyond the end: %+v, %v", mark, err)
	}
	if _, err := logmark.At(t.Context(), closed(t), 1); !errors.Is(err, aether.ErrClosed) {
		t.Errorf("At of a closed store: %v", err)
	}
}

func TestMarkAsJSON(t *testing.T) {
	mark, err := logmark.At(t.Context(), newLog(t, 1, `{"a":1}`), 1)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(mark)
	if err != nil {
		t.Fatal(err)
	}
	var read logmark.Mark
	if err := json.Unmarshal(text, &read); err != nil || read != mark {
		t.Errorf("%s is read as %+v, %v", text, read, err)
	}
	for _, bad := range []string{`{"digest":"12"}`, `{"digest":"zz345678901234567890123456789012"}`, `{"digest":1}`} {
		if err := json.Unmarshal([]byte(bad), &read); err == nil {
			t.Errorf("%s is read", bad)
		}
	}
}

func closed(t *testing.T) aether.EventStore {
	t.Helper()
	engine := memstore.New()
	store, err := engine.Namespace(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Close(); err != nil {
		t.Fatal(err)
	}
	return store
}
