package ocpp

import (
	"cmp"
	"log/slog"
	"time"
)

// ConnOptions are what connections have in common. The zero value works.
type ConnOptions struct {
	// CallTimeout is how long an answer is waited for, 30 seconds by default. Mobile
	// networks are slow (OCPP-J 1.6, 4.1.1).
	CallTimeout time.Duration

	// HandleTimeout is how long the ctx of Handler.Handle lasts, a minute by default.
	HandleTimeout time.Duration

	// WriteTimeout is how long a message may take to leave, 10 seconds by default. A
	// peer that takes nothing is disconnected then.
	WriteTimeout time.Duration

	// PingInterval is about how often the peer is pinged, every 30 seconds by
	// default; a negative one never. PongTimeout, 20 seconds by default, is how long
	// the pong, or any message, may take to come; then the connection is cut.
	PingInterval time.Duration
	PongTimeout  time.Duration

	// MaxMessage is how many bytes a message may have, 1 MiB by default: a
	// StopTransaction can have all the values of a night. A larger one ends the
	// connection with the status 1009.
	MaxMessage int

	// MaxCalls is how many calls of the peer may wait to be handled, 64 by default.
	// The standard has one at a time; further ones are answered with an
	// InternalError, and end the connection when they do not stop.
	MaxCalls int

	// Logger is told where a call was answered with an InternalError, and why.
	// slog.Default() by default.
	Logger *slog.Logger

	// Wire is told of every message, in and out, and of what is wrong with it. It is
	// called by whoever reads or writes the message, and must not block. Optional.
	Wire func(c *Conn, m Wire)

	// Late is told of an answer that came after its call had timed out: response or
	// err is as Call would have returned it. It must not block. Optional.
	Late func(c *Conn, request Request, response Response, err error)
}

func (o *ConnOptions) withDefaults() *ConnOptions {
	var d ConnOptions
	if o != nil {
		d = *o
	}
	d.CallTimeout = cmp.Or(d.CallTimeout, 30*time.Second)
	d.HandleTimeout = cmp.Or(d.HandleTimeout, time.Minute)
	d.WriteTimeout = cmp.Or(d.WriteTimeout, 10*time.Second)
	d.PingInterval = cmp.Or(d.PingInterval, 30*time.Second)
	d.PongTimeout = cmp.Or(d.PongTimeout, 20*time.Second)
	d.MaxMessage = cmp.Or(d.MaxMessage, 1<<20)
	d.MaxCalls = cmp.Or(d.MaxCalls, 64)
	if d.Logger == nil {
		d.Logger = slog.Default()
	}
	return &d
}

// Wire is one message as it went over the wire, or something that was wrong there.
type Wire struct {
	Time time.Time
	Sent bool // by this side

	// Type is 0 where the message is no frame. ID and Action relate an answer to its
	// call: the answer's Action is that of the call.
	Type   MessageType
	ID     string
	Action string

	// Elapsed is how long after the call an answer went, or came.
	Elapsed time.Duration

	// Message is the text, with "***" for the credentials that are known as such: the
	// value of AuthorizationKey, user information in URLs.
	Message []byte

	// Problem says what is wrong, in words for a person; else it is empty.
	Problem string
}
