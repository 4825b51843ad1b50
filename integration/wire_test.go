package integration_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/integration"
)

// conflict is one with events.
func conflict(n int) *aether.ConflictError {
	c := &aether.ConflictError{ActorID: "grid/mars", Tried: 3, Latest: aether.Version(2 + n)}
	for i := range n {
		c.Events = append(c.Events, aether.Event{
			ID: fmt.Sprint("e", i), ActorID: "grid/mars", Version: aether.Version(3 + i), Type: "RoverLanded", Data: []byte(`{"a":1}`),
		})
	}
	return c
}

// An error is after its way over a wire what it was before.
func TestErrorsOverTheWire(t *testing.T) {
	full := &aether.Refusal{Reason: "sold-out", Message: "only 2 are left", Facts: map[string]any{"left": 2}}
	for name, test := range map[string]struct {
		err   error
		class []error
		want  error // what it is, if it has facts
	}{
		"refusal":        {full, []error{aether.ErrRefused}, &aether.Refusal{Reason: "sold-out", Message: "only 2 are left", Facts: json.RawMessage(`{"left":2}`)}},
		"plain refusal":  {aether.Refuse("no", ""), []error{aether.ErrRefused}, aether.Refuse("no", "")},
		"odd facts":      {&aether.Refusal{Reason: "no", Facts: func() {}}, []error{aether.ErrRefused}, nil},
		"wrapped":        {fmt.Errorf("pool: %w", aether.Refuse("no", "not now")), []error{aether.ErrRefused}, aether.Refuse("no", "not now")},
		"other refusal":  {fmt.Errorf("no: %w", aether.ErrRefused), []error{aether.ErrRefused}, nil},
		"conflict":       {conflict(2), []error{aether.ErrVersionConflict}, conflict(2)},
		"contended":      {fmt.Errorf("%w: 20 attempts: %w", actor.ErrContended, conflict(1)), []error{actor.ErrContended, aether.ErrVersionConflict}, conflict(1)},
		"bare contended": {actor.ErrContended, []error{actor.ErrContended}, nil},
		"duplicate":      {&aether.DuplicateError{ActorID: "grid/mars", EventID: "k/0", Tried: 4, Version: 4}, []error{aether.ErrDuplicateEvent}, &aether.DuplicateError{ActorID: "grid/mars", EventID: "k/0", Tried: 4, Version: 4}},
		"invalid":        {&aether.InvalidError{Index: -1, Field: "id", Reason: "is empty"}, []error{aether.ErrInvalid}, &aether.InvalidError{Index: -1, Field: "id", Reason: "is empty"}},
		"busy":           {fmt.Errorf("grid/mars: %w", actor.ErrBusy), []error{actor.ErrBusy}, nil},
		"closed":         {aether.ErrClosed, []error{aether.ErrClosed}, nil},
		"not saved":      {fmt.Errorf("the disk is full: %w", aether.ErrNotSaved), []error{aether.ErrNotSaved}, nil},
		"no server":      {fmt.Errorf("%w: x", integration.ErrNoServer), []error{integration.ErrNoServer}, nil},
		"canceled":       {context.Canceled, []error{context.Canceled}, nil},
		"deadline":       {fmt.Errorf("too slow: %w", context.DeadlineExceeded), []error{context.DeadlineExceeded}, nil},
		"failed":         {errors.New("the disk is full"), nil, nil},
	} {
		got := integration.DecodeError(integration.EncodeError(test.err))
		if got == nil || got.Error() != test.err.Error() {
			t.Errorf("%s reads %v, was %v", name, got, test.err)
			continue
		}
		for _, class := range []error{
			aether.ErrRefused, aether.ErrVersionConflict, aether.ErrDuplicateEvent, aether.ErrInvalid, aether.ErrClosed, aether.ErrNotSaved,
			actor.ErrBusy, actor.ErrContended, integration.ErrNoServer, context.Canceled, context.DeadlineExceeded,
		} {
			if errors.Is(got, class) != errors.Is(test.err, class) {
				t.Errorf("%s: Is(%v) is %t", name, class, errors.Is(got, class))
			}
		}
		for _, class := range test.class {
			if !errors.Is(got, class) {
				t.Errorf("%s is no %v", name, class)
			}
		}
		if test.want != nil {
			target := reflect.New(reflect.TypeOf(test.want))
			if !errors.As(got, target.Interface()) || !reflect.DeepEqual(target.Elem().Interface(), test.want) {
				t.Errorf("%s came as %#v, want %#v", name, target.Elem().Interface(), test.want)
			}
		}
	}
	if text := integration.EncodeError(nil); text != nil {
		t.Errorf("no error is %s", text)
	}
}

func TestUnknownOverTheWire(t *testing.T) {
	was := &actor.UnknownError{ActorID: "grid/mars", CommandID: "7", Err: fmt.Errorf("save: %w", context.DeadlineExceeded)}
	got, ok := errors.AsType[*actor.UnknownError](integration.DecodeError(integration.EncodeError(fmt.Errorf("rover: %w", was))))
	if !ok || got.ActorID != was.ActorID || got.CommandID != was.CommandID || got.Err.Error() != was.Err.Error() || !errors.Is(got, context.DeadlineExceeded) {
		t.Errorf("it came as %#v", got)
	}
	// However deep, it ends.
	var deep error = was
	for range 100 {
		deep = &actor.UnknownError{Err: deep}
	}
	if size := len(integration.EncodeError(deep)); size > 100_000 {
		t.Errorf("it has %d bytes", size)
	}
}

// A conflict takes the first events along, as many as are not too large.
func TestLargeConflictOverTheWire(t *testing.T) {
	large := conflict(1000)
	for i := range large.Events {
		large.Events[i].Data = json.RawMessage(`"` + strings.Repeat("x", 1000) + `"`)
	}
	text := integration.EncodeError(large)
	got, ok := errors.AsType[*aether.ConflictError](integration.DecodeError(text))
	if !ok || got.Latest != large.Latest || len(got.Events) < 30 || len(got.Events) > 100 || len(text) > 200_000 {
		t.Errorf("%d bytes came with %d events", len(text), len(got.Events))
	}
	if len(large.Events) != 1000 {
		t.Error("the error was changed")
	}
}

// The form is pinned: programs of other versions rely on it.
func TestWireForm(t *testing.T) {
	refusal := &aether.Refusal{Reason: "sold-out", Message: "only 2 are left", Facts: map[string]any{"left": 2}}
	for want, err := range map[string]error{
		`{"error":{"class":"refused","text":"refused: sold-out: only 2 are left","refusal":{"reason":"sold-out","message":"only 2 are left","facts":{"left":2}}}}`: refusal,
		`{"error":{"class":"conflict","text":"` + "aether: version conflict: actor \\\"a/b\\\" is at version 5, so version 3 cannot be saved" +
			`","conflict":{"actorId":"a/b","tried":3,"latest":5}}}`: &aether.ConflictError{ActorID: "a/b", Tried: 3, Latest: 5},
		`{"data":{"x":1}}`: nil,
	} {
		got, failed := integration.EncodeReply(integration.Reply{Data: []byte(`{"x":1}`)}, err)
		if failed != nil || string(got) != want {
			t.Errorf("%s\nwant %s, %v", got, want, failed)
		}
	}
	request := integration.Request{Namespace: "n", Kind: "grid", Subject: "grid/mars", ID: "7", Type: "move-rover", Data: []byte(`{}`), At: new(aether.Version(3))}
	const want = `{"namespace":"n","kind":"grid","subject":"grid/mars","id":"7","type":"move-rover","data":{},"at":3}`
	if got, err := json.Marshal(request); err != nil || string(got) != want {
		t.Errorf("%s\nwant %s, %v", got, want, err)
	}
}

func TestReplies(t *testing.T) {
	for _, reply := range []integration.Reply{{}, {Data: []byte(`{"x":1}`)}, {Data: []byte(`null`)}} {
		text, err := integration.EncodeReply(reply, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := integration.DecodeReply(text); err != nil || string(got.Data) != string(reply.Data) {
			t.Errorf("%s came as %s, %v", reply.Data, got.Data, err)
		}
	}
	text, err := integration.EncodeReply(integration.Reply{}, aether.ErrClosed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := integration.DecodeReply(text); !errors.Is(err, aether.ErrClosed) {
		t.Errorf("it came as %v", err)
	}
	if _, err := integration.EncodeReply(integration.Reply{Data: []byte(`{`)}, nil); err == nil {
		t.Error("half of a reply was encoded")
	}
}

func FuzzDecodeReply(f *testing.F) {
	for _, err := range []error{nil, conflict(1), aether.Refuse("no", "no"), &actor.UnknownError{Err: aether.ErrClosed}, errors.New("x")} {
		text, failed := integration.EncodeReply(integration.Reply{Data: []byte(`1`)}, err)
		if failed != nil {
			f.Fatal(failed)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"error":{"class":"refused"}}`))
	f.Add([]byte(`{"error":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		reply, err := integration.DecodeReply(text)
		if err == nil {
			return
		}
		// What was read once is read again as the same.
		again, failed := integration.EncodeReply(reply, err)
		if failed != nil {
			t.Fatal(failed)
		}
		if _, err2 := integration.DecodeReply(again); err2 == nil || err2.Error() != err.Error() {
			t.Errorf("%q\nwas %q", err2, err)
		}
	})
}
