package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
)

// The wire form of what becomes of a command: {"data":…} or {"error":{…}}. An error
// has its text, the class that programs go by, and the facts of the class.

// class is what kind of error it is. The texts do not change.
type class string

const (
	classRefused   class = "refused"     // a rule said no
	classConflict  class = "conflict"    // somebody else moved the actor on
	classDuplicate class = "duplicate"   // the ID was used for another command
	classInvalid   class = "invalid"     // the request is not right
	classBusy      class = "busy"        // too many wait
	classContended class = "contended"   // others were faster each time
	classUnknown   class = "unknown"     // it may have been carried out
	classNotSaved  class = "not-saved"   // the store cannot save now
	classAway      class = "unavailable" // the store cannot be reached
	classClosed    class = "closed"      // the server is about to stop
	classNoServer  class = "no-server"   // nobody serves the actors
	classCanceled  class = "canceled"    // its context ended
	classDeadline  class = "deadline"    // its context's time was up
	classFailed    class = "failed"      // anything else
)

// sentinel is the error that every error of a class is, nil for a class with facts.
func (c class) sentinel() error {
	switch c {
	case classRefused:
		return aether.ErrRefused
	case classBusy:
		return actor.ErrBusy
	case classContended:
		return actor.ErrContended
	case classNotSaved:
		return aether.ErrNotSaved
	case classAway:
		return aether.ErrUnavailable
	case classClosed:
		return aether.ErrClosed
	case classNoServer:
		return ErrNoServer
	case classCanceled:
		return context.Canceled
	case classDeadline:
		return context.DeadlineExceeded
	}
	return nil
}

// wireError is an error as it is sent.
type wireError struct {
	Class class  `json:"class"`
	Text  string `json:"text"`

	Refusal   *wireRefusal   `json:"refusal,omitempty"`
	Conflict  *wireConflict  `json:"conflict,omitempty"`
	Duplicate *wireDuplicate `json:"duplicate,omitempty"`
	Invalid   *wireInvalid   `json:"invalid,omitempty"`
	Unknown   *wireUnknown   `json:"unknown,omitempty"`
}

// The facts of the errors of package aether, which are converted.
type (
	wireConflict struct {
		ActorID string         `json:"actorId"`
		Tried   aether.Version `json:"tried"`
		Latest  aether.Version `json:"latest"`
		Events  []aether.Event `json:"events,omitempty"`
	}
	wireDuplicate struct {
		ActorID string         `json:"actorId"`
		EventID string         `json:"eventId"`
		Tried   aether.Version `json:"tried"`
		Version aether.Version `json:"version"`
	}
	wireInvalid struct {
		Index  int    `json:"index"`
		Field  string `json:"field"`
		Reason string `json:"reason"`
	}
)

type wireRefusal struct {
	Reason  string          `json:"reason"`
	Message string          `json:"message"`
	Facts   json.RawMessage `json:"facts,omitempty"`
}

type wireUnknown struct {
	ActorID   string     `json:"actorId"`
	CommandID string     `json:"commandId"`
	Cause     *wireError `json:"cause,omitempty"`
}

// maxWireEvents is how many bytes of events a conflict takes along; GetEvents has the
// rest.
const maxWireEvents = 64 << 10

// EncodeError returns the wire form of an error of a command. It is nil for nil.
func EncodeError(err error) json.RawMessage {
	if err == nil {
		return nil
	}
	text, failed := json.Marshal(toWire(err, 0))
	if failed != nil { // the texts and numbers of errors do not fail; their events could
		text, _ = json.Marshal(wireError{Class: classFailed, Text: err.Error()})
	}
	return text
}

// toWire sorts an error by the strongest thing that it says.
func toWire(err error, depth int) *wireError {
	w := &wireError{Class: classFailed, Text: err.Error()}
	if unknown, ok := errors.AsType[*actor.UnknownError](err); ok {
		w.Class, w.Unknown = classUnknown, &wireUnknown{ActorID: unknown.ActorID, CommandID: unknown.CommandID}
		if unknown.Err != nil && depth < 4 {
			w.Unknown.Cause = toWire(unknown.Err, depth+1)
		}
		return w
	}
	if refusal, ok := errors.AsType[*aether.Refusal](err); ok {
		w.Class, w.Refusal = classRefused, &wireRefusal{Reason: refusal.Reason, Message: refusal.Message, Facts: encodeFacts(refusal.Facts)}
		return w
	}
	if conflict, ok := errors.AsType[*aether.ConflictError](err); ok {
		w.Class, w.Conflict = classConflict, (*wireConflict)(short(conflict))
		if errors.Is(err, actor.ErrContended) {
			w.Class = classContended
		}
		return w
	}
	if duplicate, ok := errors.AsType[*aether.DuplicateError](err); ok {
		w.Class, w.Duplicate = classDuplicate, (*wireDuplicate)(duplicate)
		return w
	}
	if invalid, ok := errors.AsType[*aether.InvalidError](err); ok {
		w.Class, w.Invalid = classInvalid, (*wireInvalid)(invalid)
		return w
	}
	for _, c := range []class{classRefused, classBusy, classContended, classNotSaved, classAway, classClosed, classNoServer, classCanceled, classDeadline} {
		if errors.Is(err, c.sentinel()) {
			w.Class = c
			return w
		}
	}
	return w
}

// encodeFacts returns the facts of a refusal as JSON; as a text, where they are none.
func encodeFacts(facts any) json.RawMessage {
	if facts == nil {
		return nil
	}
	data, err := json.Marshal(facts)
	if err != nil {
		data, _ = json.Marshal(fmt.Sprint(facts))
	}
	return data
}

// short is a conflict with the first of its events only, if these are many.
func short(conflict *aether.ConflictError) *aether.ConflictError {
	s := *conflict
	size := 0
	for i := range s.Events {
		if size += s.Events[i].Size(); size > maxWireEvents {
			s.Events = s.Events[:i]
			break
		}
	}
	return &s
}

// remoteError is an error that came over a wire. It reads as it did there, and is
// what it was there, for [errors.Is] and [errors.As].
type remoteError struct {
	text string
	is   []error
}

func (e *remoteError) Error() string   { return e.text }
func (e *remoteError) Unwrap() []error { return e.is }

// DecodeError is the reverse of [EncodeError]. The error has the text, the class and
// the facts of the one that was encoded; the facts of a refusal are a
// [json.RawMessage], and of the events of a conflict the first ones are there. An
// error of another class than those of package aether, of a host, of [ErrNoServer] and
// of contexts has its text alone. What is no wire form leads to an error that says so.
func DecodeError(data []byte) error {
	var w wireError
	if err := json.Unmarshal(data, &w); err != nil {
		return fmt.Errorf("integration: the error of a command cannot be read: %w", err)
	}
	return w.decode()
}

func (w *wireError) decode() error {
	var is []error
	switch {
	case w.Class == classUnknown && w.Unknown != nil:
		unknown := &actor.UnknownError{ActorID: w.Unknown.ActorID, CommandID: w.Unknown.CommandID}
		if w.Unknown.Cause != nil {
			unknown.Err = w.Unknown.Cause.decode()
		}
		is = append(is, unknown)
	case w.Class == classRefused && w.Refusal != nil:
		refusal := &aether.Refusal{Reason: w.Refusal.Reason, Message: w.Refusal.Message}
		if w.Refusal.Facts != nil {
			refusal.Facts = w.Refusal.Facts
		}
		is = append(is, refusal)
	case w.Class == classContended && w.Conflict != nil:
		is = append(is, actor.ErrContended, (*aether.ConflictError)(w.Conflict))
	case w.Class == classConflict && w.Conflict != nil:
		is = append(is, (*aether.ConflictError)(w.Conflict))
	case w.Class == classDuplicate && w.Duplicate != nil:
		is = append(is, (*aether.DuplicateError)(w.Duplicate))
	case w.Class == classInvalid && w.Invalid != nil:
		is = append(is, (*aether.InvalidError)(w.Invalid))
	case w.Class.sentinel() != nil:
		is = append(is, w.Class.sentinel())
	}
	if len(is) == 1 && is[0].Error() == w.Text {
		return is[0]
	}
	return &remoteError{w.Text, is}
}

// wireReply is what becomes of a command as it is sent.
type wireReply struct {
	Data  json.RawMessage `json:"data,omitempty"`
	Error json.RawMessage `json:"error,omitempty"`
}

// EncodeReply returns the wire form of what an [Answer] has returned. It fails when
// the reply is not JSON.
func EncodeReply(reply Reply, err error) ([]byte, error) {
	if err != nil {
		return json.Marshal(wireReply{Error: EncodeError(err)})
	}
	return json.Marshal(wireReply{Data: reply.Data})
}

// DecodeReply is the reverse of [EncodeReply]: it returns what the [Answer] returned,
// with its error as [DecodeError] has it.
func DecodeReply(data []byte) (Reply, error) {
	var w wireReply
	if err := json.Unmarshal(data, &w); err != nil {
		return Reply{}, fmt.Errorf("integration: the reply to a command cannot be read: %w", err)
	}
	if w.Error != nil {
		return Reply{}, DecodeError(w.Error)
	}
	return Reply{Data: w.Data}, nil
}
