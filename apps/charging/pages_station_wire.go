package charging

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp"
)

// wirePage is the page of what went over the wire of a station.
type wirePage struct {
	stationHead
	exchanges []exchange // the newest first
	elsewhere bool       // the stations are connected to another node
	problems  int
}

// exchange is a call with its answer, as far as both went over the wire; or what is
// neither.
type exchange struct {
	call, answer *WireDocument
	odd          *WireDocument // belongs to no call
}

// exchangesShown is how many of them the page has.
const exchangesShown = 100

func (p *pages) wire(w http.ResponseWriter, r *http.Request) {
	head, ok := p.stationHead(w, r, "wire")
	if !ok {
		return
	}
	log, _ := p.charging.wires.log(head.ID)
	d := wirePage{stationHead: head, exchanges: exchanges(log.Messages), elsewhere: p.charging.connections() == nil}
	for i := range log.Messages {
		if log.Messages[i].Problem != "" {
			d.problems++
		}
	}
	d.exchanges = d.exchanges[:min(len(d.exchanges), exchangesShown)]
	at := d.at("wire log")
	at.topics = append(at.topics, topicWire+"/"+head.ID)
	at.scripts = []string{"charging/wire.js"}
	p.show(w, r, http.StatusOK, at, wireContent(&d))
}

// exchanges relates answers to their calls, by the direction and the ID. The newest comes
// first.
func exchanges(messages []WireDocument) []exchange {
	type of struct {
		sent bool // the call was sent by us
		id   string
	}
	var found []exchange
	calls := map[of]int{}
	for i := range messages {
		m := &messages[i]
		switch {
		case m.Type == int(ocpp.TypeCall) && m.ID != "":
			calls[of{m.Sent, m.ID}] = len(found)
			found = append(found, exchange{call: m})
		default:
			at, ok := calls[of{!m.Sent, m.ID}]
			if ok && m.ID != "" && m.Type != 0 && found[at].answer == nil {
				found[at].answer = m
				continue
			}
			found = append(found, exchange{odd: m})
		}
	}
	for i, j := 0, len(found)-1; i < j; i, j = i+1, j-1 {
		found[i], found[j] = found[j], found[i]
	}
	return found
}

func (e *exchange) first() *WireDocument {
	if e.call != nil {
		return e.call
	}
	return e.odd
}

// problem is what is wrong with it, "" for nothing.
func (e *exchange) problem() string {
	if e.answer != nil && e.answer.Problem != "" {
		return e.answer.Problem
	}
	return e.first().Problem
}

// who says which side begins it.
func (e *exchange) who() string {
	if e.first().Sent {
		return "we"
	}
	return "station"
}

// outcome is the kind of badge, and its text.
func (e *exchange) outcome() (kind, text string) {
	switch {
	case e.odd != nil && e.odd.Problem != "":
		return "bad", "not as it must be"
	case e.odd != nil && e.odd.Type != 0:
		return "warn", "answers nothing that is here"
	case e.odd != nil:
		return "", ""
	case e.answer == nil && e.call.Problem != "":
		return "bad", "not as it must be"
	case e.answer == nil:
		return "", "no answer yet"
	case e.answer.Type == int(ocpp.TypeCallError):
		return "bad", "error after " + elapsed(e.answer)
	}
	return "good", "answered after " + elapsed(e.answer)
}

func elapsed(m *WireDocument) string {
	if m.Elapsed < 10_000 {
		return fmt.Sprintf("%d\u00a0ms", m.Elapsed)
	}
	return lasting(time.Duration(m.Elapsed) * time.Millisecond)
}

// read is a message for people: with lines, or as the text that it is.
func (m *WireDocument) read() string {
	var text string
	if json.Unmarshal(m.Message, &text) == nil {
		return text
	}
	return pretty(m.Message)
}

// name is what an exchange is called.
func (e *exchange) name() string {
	if m := e.first(); m.Action != "" {
		return m.Action
	}
	switch {
	case e.odd != nil && e.odd.Type == int(ocpp.TypeCallResult):
		return "An answer"
	case e.odd != nil && e.odd.Type == int(ocpp.TypeCallError):
		return "An error"
	}
	return "A message"
}
