package simulate

import (
	"net"
	"sync/atomic"
	"time"
)

// line is a network connection with the misfortunes of a mobile network.
type line struct {
	net.Conn
	frozen atomic.Bool
	deaf   atomic.Bool
}

// freeze ends it on this side, and the other side is not told: a half-open connection.
func (l *line) freeze() {
	l.frozen.Store(true)
	_ = l.Conn.SetReadDeadline(time.Unix(1, 0)) // whoever reads stops
}

// deafen ends it when something comes: what was sent has arrived, and its answer does
// not.
func (l *line) deafen() { l.deaf.Store(true) }

func (l *line) Read(p []byte) (int, error) {
	if l.frozen.Load() {
		return 0, net.ErrClosed
	}
	n, err := l.Conn.Read(p)
	switch {
	case l.frozen.Load():
		return 0, net.ErrClosed
	case l.deaf.Load() && n > 0:
		_ = l.Conn.Close() // the reader is told
		return 0, net.ErrClosed
	}
	return n, err
}

// Write loses what is written into a frozen line.
func (l *line) Write(p []byte) (int, error) {
	if l.frozen.Load() {
		return len(p), nil
	}
	return l.Conn.Write(p)
}

// Close closes it, unless it is frozen: the Station does that when it is back.
func (l *line) Close() error {
	if l.frozen.Load() {
		return nil
	}
	return l.Conn.Close()
}

// SetReadDeadline does nothing to a frozen line, which has one.
func (l *line) SetReadDeadline(t time.Time) error {
	if l.frozen.Load() {
		return nil
	}
	return l.Conn.SetReadDeadline(t)
}

// SetDeadline is SetReadDeadline and SetWriteDeadline.
func (l *line) SetDeadline(t time.Time) error {
	if l.frozen.Load() {
		return nil
	}
	return l.Conn.SetDeadline(t)
}
