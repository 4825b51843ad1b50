package aether_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/aether-es/aether"
)

func TestErrors(t *testing.T) {
	classes := []error{
		aether.ErrInvalid, aether.ErrVersionConflict, aether.ErrDuplicateEvent, aether.ErrSnapshotNotFound, aether.ErrClosed,
		aether.ErrNotSaved,
	}
	for _, test := range []struct {
		err   error
		class error
		text  string
	}{
		{&aether.InvalidError{Index: 2, Field: "type", Reason: "is empty"}, aether.ErrInvalid,
			"aether: event 3: type is empty"},
		{&aether.InvalidError{Index: -1, Field: "namespace", Reason: "is empty"}, aether.ErrInvalid,
			"aether: namespace is empty"},
		{&aether.ConflictError{ActorID: "rover/1", Tried: 3, Latest: 5}, aether.ErrVersionConflict,
			`aether: version conflict: actor "rover/1" is at version 5, so version 3 cannot be saved`},
		{&aether.ConflictError{ActorID: "rover/1", Tried: 6, Latest: 4}, aether.ErrVersionConflict,
			`aether: version conflict: actor "rover/1" is at version 4, so version 6 cannot be saved: the next is 5`},
		{&aether.DuplicateError{ActorID: "rover/1", EventID: "e1", Tried: 3, Version: 2}, aether.ErrDuplicateEvent,
			`aether: duplicate event: actor "rover/1" has event "e1" at version 2, so it cannot be saved at version 3`},
		{aether.ErrSnapshotNotFound, aether.ErrSnapshotNotFound, "aether: snapshot not found"},
		{aether.ErrClosed, aether.ErrClosed, "aether: closed"},
		{aether.ErrNotSaved, aether.ErrNotSaved, "aether: not saved"},
	} {
		if test.err.Error() != test.text {
			t.Errorf("the text is %q, want %q", test.err, test.text)
		}
		wrapped := fmt.Errorf("save: %w", test.err)
		for _, class := range classes {
			if got, want := errors.Is(wrapped, class), class == test.class; got != want {
				t.Errorf("%v: errors.Is(err, %v) is %v", test.err, class, got)
			}
		}
	}
}

// The facts are found behind whatever wraps them.
func TestErrorsAs(t *testing.T) {
	events := []aether.Event{{ID: "winner"}}
	wrapped := fmt.Errorf("decide: %w", errors.Join(errors.New("other"), &aether.ConflictError{ActorID: "rover/1", Tried: 3, Latest: 5, Events: events}))
	conflict, ok := errors.AsType[*aether.ConflictError](wrapped)
	if !ok || conflict.Tried != 3 || conflict.Latest != 5 || len(conflict.Events) != 1 || conflict.Events[0].ID != "winner" {
		t.Errorf("got %+v, %v", conflict, ok)
	}
	if _, ok := errors.AsType[*aether.DuplicateError](wrapped); ok {
		t.Error("a conflict is a duplicate")
	}
}
