package simulate

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
)

// message waits to be sent to the central system.
type message struct {
	request ocpp.Request

	// tx is the transaction that the message is about, nil for others. These are kept
	// while there is no connection, and sent again until they are taken (3.7.1).
	tx       *transaction
	attempts int

	// anyway: it may be sent before the station has been accepted.
	anyway bool

	// done is told how it ended, with the lock. It may be nil.
	done func(response ocpp.Response, err error)
}

// maxQueue is how many messages about transactions are kept. Behind that meter values
// are thrown away (3.7), and no transaction begins.
const maxQueue = 1000

// send queues a message that is lost with the connection.
func (s *Station) send(request ocpp.Request, done func(ocpp.Response, error)) {
	if s.conn == nil {
		if done != nil {
			done(nil, ocpp.ErrOffline)
		}
		return
	}
	s.queue = append(s.queue, &message{request: request, done: done})
}

// record queues a message about a transaction.
func (s *Station) record(tx *transaction, request ocpp.Request, done func(ocpp.Response, error)) {
	if _, values := request.(*v16.MeterValuesReq); values && len(s.queue) >= maxQueue {
		return
	}
	s.queue = append(s.queue, &message{request: request, tx: tx, done: done})
}

// next is the message to be sent now, nil for none.
func (s *Station) next() *message {
	waiting := s.retryAt.After(time.Now())
	for _, m := range s.queue {
		switch {
		case m.anyway:
			return m
		case s.registration != v16.RegistrationAccepted:
		case m.tx == nil || !waiting:
			return m
		}
	}
	return nil
}

// startPump sends what there is, with the lock. The goroutine ends when nothing is left.
func (s *Station) startPump() {
	if s.pumping || !s.running || s.conn == nil || s.next() == nil {
		return
	}
	s.pumping = true
	s.work.Go(s.pump)
}

func (s *Station) pump() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		conn, m := s.conn, s.next()
		if conn == nil || m == nil || !s.running {
			s.pumping = false
			return
		}
		s.sending = m
		s.addressed(m)
		s.stats.calls.Add(1)
		s.mu.Unlock()
		response, err := conn.Call(context.Background(), m.request) // the end of the connection ends it
		s.mu.Lock()
		s.sending = nil
		s.answered(conn, m, response, err)
		s.follow()
	}
}

// addressed gives a message the ID of its transaction, which is known by now: -1 says
// that the station did not get one (errata 3.18).
func (s *Station) addressed(m *message) {
	switch q := m.request.(type) {
	case *v16.MeterValuesReq:
		if m.tx != nil {
			id := m.tx.number()
			q.TransactionID = &id
		}
	case *v16.StopTransactionReq:
		q.TransactionID = m.tx.number()
	}
	if m.tx != nil && s.life != nil && s.life.losesAnswer() && s.line != nil {
		s.line.deafen()
	}
}

func (s *Station) answered(conn *ocpp.Conn, m *message, response ocpp.Response, err error) {
	var refused *ocpp.CallError
	switch {
	case err == nil:
		if m.tx != nil {
			s.retryAt = time.Time{}
		}
		s.finish(m, response, nil)
		return
	case errors.As(err, &refused):
		s.stats.refused.Add(1)
	case errors.Is(err, ocpp.ErrTimeout):
		s.stats.failures.Add(1)
		s.cut() // the connection may be dead; that is what stations do
	case errors.Is(err, ocpp.ErrNotSent) && conn.Err() == nil:
		s.stats.failures.Add(1) // it violates the standard: to send it again does not help
		s.finish(m, nil, err)
		return
	default: // the connection is over, which does not count as an attempt
		if s.conn == conn {
			s.conn = nil
		}
		if m.tx == nil {
			s.finish(m, nil, err)
		}
		return
	}
	if m.tx == nil {
		s.finish(m, nil, err)
		return
	}
	m.attempts++
	if m.attempts >= s.number("TransactionMessageAttempts") {
		m.tx.entry.Dropped = append(m.tx.entry.Dropped, m.request.Action())
		s.finish(m, nil, err)
		return
	}
	wait := time.Duration(m.attempts*s.number("TransactionMessageRetryInterval")) * time.Second
	s.retryAt = time.Now().Add(wait)
	s.agenda.after(wait, func() {})
}

// finish takes a message from the queue.
func (s *Station) finish(m *message, response ocpp.Response, err error) {
	if i := slices.Index(s.queue, m); i >= 0 {
		s.queue = slices.Delete(s.queue, i, i+1)
		if m.done != nil {
			m.done(response, err)
		}
	}
}

// forget ends all messages that do not outlive the connection.
func (s *Station) forget(reason error) {
	lost := slices.DeleteFunc(slices.Clone(s.queue), func(m *message) bool { return m.tx != nil || m == s.sending })
	for _, m := range lost {
		s.finish(m, nil, &ocpp.NotSentError{Err: reason})
	}
}
