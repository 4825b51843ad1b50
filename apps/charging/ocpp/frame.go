package ocpp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/aether-es/aether/apps/charging/ocpp/internal/jsonstring"
)

// MessageType is the first element of a frame (OCPP-J 1.6, 4.1.3).
type MessageType int

// The types of frames.
const (
	TypeCall       MessageType = 2
	TypeCallResult MessageType = 3
	TypeCallError  MessageType = 4
)

func (t MessageType) String() string {
	switch t {
	case TypeCall:
		return "CALL"
	case TypeCallResult:
		return "CALLRESULT"
	case TypeCallError:
		return "CALLERROR"
	}
	return "message type " + strconv.Itoa(int(t))
}

// MaxID is how many characters the ID of a message may have (OCPP-J 1.6, 4.1.4).
const MaxID = 36

// maxEcho is how long an ID, or any other part of a frame that is no frame, may be
// to be repeated in an answer or a report.
const maxEcho = 255

// Frame is one message on the wire:
//
//	[2, ID, Action, Payload]
//	[3, ID, Payload]
//	[4, ID, Code, Description, Payload]
type Frame struct {
	Type MessageType
	ID   string

	// Action is the CALL's.
	Action string

	// Code and Description are the CALLERROR's.
	Code        ErrorCode
	Description string

	// Payload is a JSON object, nil for an empty one; the details of a CALLERROR.
	Payload json.RawMessage
}

// FrameError says that a message is no frame.
type FrameError struct {
	// Frame is what could be read of it. With the type of a CALL and an ID, the
	// sender can be told: it waits for an answer. An ID that is too long is here, as
	// the answer must repeat it, unless it is absurd.
	Frame Frame

	Reason string
}

func (e *FrameError) Error() string { return "no OCPP-J message: " + e.Reason }

// ParseFrame reads a frame. Its payload shares the memory of data. The payload of a
// CALL or a CALLRESULT may be null, which means empty; a CALLERROR may lack its
// description and details, as those of many stations do. The error is a *FrameError.
func ParseFrame(data []byte) (Frame, error) {
	var f Frame
	fail := func(format string, args ...any) (Frame, error) {
		return f, &FrameError{f, fmt.Sprintf(format, args...)}
	}
	if !utf8.Valid(data) {
		return fail("not valid UTF-8") // OCPP-J 1.6, 4.1.2
	}
	var elements []json.RawMessage
	if err := json.Unmarshal(data, &elements); err != nil {
		return fail("not a JSON array")
	}
	if len(elements) < 2 {
		return fail("%d elements", len(elements))
	}
	number, err := strconv.Atoi(string(elements[0]))
	if err != nil {
		return fail("the message type is no integer")
	}
	f.Type = MessageType(number)
	id, ok := jsonstring.Parse(elements[1])
	if !ok {
		return fail("the message ID is no string")
	}
	if len(id) <= maxEcho {
		f.ID = id
	}
	switch f.Type {
	case TypeCall, TypeCallResult, TypeCallError:
	default:
		return fail("unknown message type")
	}
	if id == "" || utf8.RuneCountInString(id) > MaxID {
		return fail("the message ID must have 1 to %d characters", MaxID)
	}
	switch f.Type {
	case TypeCall:
		if len(elements) != 4 {
			return fail("a CALL has 4 elements, not %d", len(elements))
		}
		action, ok := jsonstring.Parse(elements[2])
		if !ok {
			return fail("the action is no string")
		}
		f.Action = action
	case TypeCallResult:
		if len(elements) != 3 {
			return fail("a CALLRESULT has 3 elements, not %d", len(elements))
		}
	case TypeCallError:
		if len(elements) < 3 || len(elements) > 5 {
			return fail("a CALLERROR has 5 elements, not %d", len(elements))
		}
		code, ok := jsonstring.Parse(elements[2])
		if !ok {
			return fail("the error code is no string")
		}
		f.Code = ErrorCode(code)
		if len(elements) > 3 {
			f.Description, _ = jsonstring.Parse(elements[3]) // some send null
		}
		if len(elements) < 5 {
			return f, nil
		}
	}
	if last := elements[len(elements)-1]; !bytes.Equal(last, []byte("null")) {
		f.Payload = last
	}
	return f, nil
}

// Append appends the frame as it is sent, in compact JSON.
func (f Frame) Append(to []byte) []byte {
	to = append(to, '[')
	to = strconv.AppendInt(to, int64(f.Type), 10)
	to = append(to, ',')
	to = jsonstring.Append(to, f.ID)
	switch f.Type {
	case TypeCall:
		to = append(to, ',')
		to = jsonstring.Append(to, f.Action)
	case TypeCallError:
		to = append(to, ',')
		to = jsonstring.Append(to, string(f.Code))
		to = append(to, ',')
		to = jsonstring.Append(to, clip(f.Description, maxDescription))
	}
	to = append(to, ',')
	if len(f.Payload) == 0 {
		to = append(to, "{}"...)
	} else {
		to = append(to, f.Payload...)
	}
	return append(to, ']')
}

// clip cuts a text to so many characters.
func clip(s string, characters int) string {
	n := 0
	for i := range s {
		if n == characters {
			return s[:i]
		}
		n++
	}
	return s
}
