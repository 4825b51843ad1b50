package ocpp

import "errors"

// How a call can end without an answer. An answer with a CALLERROR is a *CallError.
var (
	// ErrNotSent: nothing of the call has left, for certain. Whoever does something
	// at most once may try it again.
	ErrNotSent = errors.New("ocpp: not sent")

	// ErrNoAnswer: the call has left, or a part of it, and no answer that can be read
	// has come. Whether the peer acted is unknown.
	ErrNoAnswer = errors.New("ocpp: no answer")
)

// Why a call was not sent or not answered, or a connection ended.
var (
	// ErrOffline: the station is not connected.
	ErrOffline = errors.New("ocpp: the station is not connected")

	// ErrTimeout: no answer has come in time. It may still come, see
	// [ConnOptions.Late].
	ErrTimeout = errors.New("ocpp: no answer in time")

	// ErrNoPong: the peer has not answered a ping, nor sent anything since.
	ErrNoPong = errors.New("ocpp: no pong in time")

	// ErrWriteTimeout: the peer has not taken a message in time.
	ErrWriteTimeout = errors.New("ocpp: a message could not be sent in time")

	// ErrReplaced: the station has made a newer connection.
	ErrReplaced = errors.New("ocpp: replaced by a newer connection")

	// ErrClosed: this side has closed the connection.
	ErrClosed = errors.New("ocpp: connection closed")

	// ErrShutdown: the server ends.
	ErrShutdown = errors.New("ocpp: the server is shutting down")
)

// NotSentError is an [ErrNotSent] with the reason.
type NotSentError struct{ Err error }

func (e *NotSentError) Error() string { return ErrNotSent.Error() + ": " + e.Err.Error() }

// Is makes the error an [ErrNotSent].
func (e *NotSentError) Is(target error) bool { return target == ErrNotSent }

// Unwrap returns the reason.
func (e *NotSentError) Unwrap() error { return e.Err }

// NoAnswerError is an [ErrNoAnswer] with the reason.
type NoAnswerError struct{ Err error }

func (e *NoAnswerError) Error() string { return ErrNoAnswer.Error() + ": " + e.Err.Error() }

// Is makes the error an [ErrNoAnswer].
func (e *NoAnswerError) Is(target error) bool { return target == ErrNoAnswer }

// Unwrap returns the reason.
func (e *NoAnswerError) Unwrap() error { return e.Err }
