package ocpp

import (
	"encoding/json"
	"errors"
	"fmt"
)

// ErrorCode is the code of a CALLERROR (OCPP-J 1.6, 4.2.3). The spellings are those
// of the standard, mistakes included: the errata keep them (OCPP-J errata 5.1, 5.2).
type ErrorCode string

// The codes of the standard, and what they mean here.
const (
	// NotImplemented: the action is unknown.
	NotImplemented ErrorCode = "NotImplemented"

	// NotSupported: the action is known, but not to be called on this side, or
	// nobody serves it.
	NotSupported ErrorCode = "NotSupported"

	// InternalError: the receiver failed; the same call may be tried again.
	InternalError ErrorCode = "InternalError"

	// ProtocolError: the payload is incomplete. This package says more exactly
	// OccurenceConstraintViolation; peers may use it.
	ProtocolError ErrorCode = "ProtocolError"

	// SecurityError: the receiver may not do this, as before a station is accepted
	// (OCPP-J errata 3.8).
	SecurityError ErrorCode = "SecurityError"

	// FormationViolation: the message is not put together as it must be: wrong
	// elements of the frame, an ID that is too long, a payload that is no object.
	FormationViolation ErrorCode = "FormationViolation"

	// PropertyConstraintViolation: a value that is not allowed: too long, not in the
	// enumeration, out of range, no date.
	PropertyConstraintViolation ErrorCode = "PropertyConstraintViolation"

	// OccurenceConstraintViolation: a field that must be there is missing, one that
	// must not be is there, or a list is too short.
	OccurenceConstraintViolation ErrorCode = "OccurenceConstraintViolation"

	// TypeConstraintViolation: a value of another type: a number for a string.
	TypeConstraintViolation ErrorCode = "TypeConstraintViolation"

	// GenericError: anything else.
	GenericError ErrorCode = "GenericError"
)

// maxDescription bounds the description of a CALLERROR, in characters. The standard
// has no limit for 1.6; later versions have this one.
const maxDescription = 255

// CallError is a CALLERROR: what a peer has answered, or what to answer to it.
type CallError struct {
	Code        ErrorCode
	Description string

	// Details is a JSON object, or nil for an empty one.
	Details json.RawMessage
}

// Errorf makes a CallError. Do not put values of the message into the description:
// they may be credentials.
func Errorf(code ErrorCode, format string, args ...any) *CallError {
	return &CallError{Code: code, Description: fmt.Sprintf(format, args...)}
}

func (e *CallError) Error() string {
	if e.Description == "" {
		return string(e.Code)
	}
	return string(e.Code) + ": " + e.Description
}

// errorFrame is the frame that tells the peer about an error. Only the text of a
// CallError goes out: others may tell what is nobody's business.
func errorFrame(id string, err error) Frame {
	frame := Frame{Type: TypeCallError, ID: id, Code: InternalError, Description: "the call could not be processed"}
	var known *CallError
	if errors.As(err, &known) && known.Code != "" {
		frame.Code, frame.Description, frame.Payload = known.Code, known.Description, known.Details
	}
	return frame
}
