package live

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// state is what the model keeps of a topic. Every change counts in it, and their
// order, so a client that misses one, gets one twice or another too early is wrong
// from then on.
type state struct {
	Count uint64 `json:"count"`
	Hash  uint64 `json:"hash"`
}

func (s state) apply(add uint64) state { return state{s.Count + 1, s.Hash*31 + add} }

// model is the truth: the states of all topics at all positions.
type model struct {
	mu     sync.Mutex
	topics map[string]*truth
}

type truth struct {
	publishing chan struct{} // full from commit to publication: a lock under which time goes on
	last       uint64
	states     map[uint64]state
}

func (m *model) at(topic string, position uint64) (state, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.topics[topic].states[position]
	return s, ok
}

func (m *model) newest(topic string) (uint64, state) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.topics[topic]
	return t.last, t.states[t.last]
}

// commit commits a change.
func (m *model) commit(topic string, add uint64) Change {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.topics[topic]
	s := t.states[t.last].apply(add)
	t.last += 1 + rand.Uint64N(3)
	t.states[t.last] = s
	change := Change{Topic: topic, Position: t.last}
	if rand.IntN(20) > 0 {
		change.Data = fmt.Append(nil, add)
	}
	return change
}

func pause(most time.Duration) { pass(rand.N(most)) }

// publish commits and publishes changes of some topics, each in order.
func (m *model) publish(hub *Hub, names []string, changes int) {
	for range changes {
		pause(20 * time.Millisecond)
		name := names[rand.IntN(len(names))]
		t := m.topics[name]
		t.publishing <- struct{}{}
		together := make([]Change, 1+rand.IntN(3))
		for i := range together {
			together[i] = m.commit(name, rand.Uint64())
		}
		if rand.IntN(2) == 0 {
			pause(5 * time.Millisecond) // committed, and not published yet
		}
		hub.Publish(together...)
		<-t.publishing
	}
}

// Any number of publishers and clients that come, go, and are slow: the state that a
// client has is the true one of its position, at every moment, and in the end the
// newest.
func TestModel(t *testing.T) {
	const topics, publishers, clients, changes = 6, 4, 20, 250
	for round := range 6 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			options := Options{History: 1 << (2 * round), HistoryBytes: 1 << (11 + 2*round), Ping: time.Second, Timeout: time.Hour}
			inWorld(t, options, func(t *testing.T, w *world) {
				m := &model{topics: make(map[string]*truth)}
				var names []string
				for i := range topics {
					name := fmt.Sprintf("topic/%d", i)
					names = append(names, name)
					m.topics[name] = &truth{publishing: make(chan struct{}, 1), states: map[uint64]state{0: {}}}
				}
				w.hub.Close() // the model has its own read DB
				w.hub = New(func(_ context.Context, topic string) (Document, error) {
					pause(10 * time.Millisecond)
					position, s := m.newest(topic)
					defer pause(10 * time.Millisecond)
					data, err := json.Marshal(s)
					return Document{position, data}, err
				}, &options)
				w.server.Handler = w.hub
				var running sync.WaitGroup
				for range publishers {
					running.Go(func() { m.publish(w.hub, names, changes) })
				}
				done := make(chan struct{})
				var reading sync.WaitGroup
				readers := make([]*reader, clients)
				for i := range readers {
					r := &reader{w: w, m: m, names: names, topics: make(map[string]*seen)}
					readers[i] = r
					reading.Go(func() { r.run(t, done) })
				}
				running.Wait()
				close(done)
				reading.Wait()
				w.checkCosts()
				var documents, applied, resumed, repeats int
				for _, r := range readers {
					documents, applied, resumed, repeats = documents+r.documents, applied+r.applied, resumed+r.resumed, repeats+r.repeats
				}
				t.Logf("%d documents, %d changes, %d resumed, %d repeated; %+v", documents, applied, resumed, repeats, w.hub.Stats())
				if applied == 0 || documents == 0 {
					t.Error("nothing came")
				}
			})
		})
	}
}

// reader is a client that rebuilds the states.
type reader struct {
	w      *world
	m      *model
	names  []string
	topics map[string]*seen // subscribed

	documents, applied, resumed, repeats int
}

type seen struct {
	known    bool // there is a state
	waiting  bool // for the answer to the last subscription
	position uint64
	replayed uint64 // up to here changes may come again, see step
	state    state
}

// run connects again and again until done, and then waits for the newest states.
func (r *reader) run(t *testing.T, done <-chan struct{}) {
	for last := false; !last && !t.Failed(); {
		select {
		case <-done:
			last = true
		default:
		}
		p := r.w.connect()
		for _, name := range r.names {
			if s := r.topics[name]; last || s != nil || rand.IntN(2) == 0 {
				r.subscribe(p, name)
			}
		}
		for n := 50 + rand.IntN(200); last && !r.newest() || !last && n > 0; n-- {
			if !r.step(t, p, done) {
				break
			}
			if rand.IntN(10) == 0 {
				pause(200 * time.Millisecond) // slow
			}
			if name := r.names[rand.IntN(len(r.names))]; rand.IntN(20) == 0 && !last {
				if r.topics[name] == nil || rand.IntN(2) == 0 {
					r.subscribe(p, name)
				} else {
					p.send(`{"unsubscribe":"` + name + `"}`)
					delete(r.topics, name)
				}
			}
		}
		_ = p.ws.CloseNow()
		if last && !r.newest() {
			t.Errorf("in the end a client has only %s", r.state())
		}
	}
}

// subscribe subscribes, behind what is there if there is something.
func (r *reader) subscribe(p *page, name string) {
	s := r.topics[name]
	if s == nil {
		s = new(seen)
		r.topics[name] = s
	}
	s.waiting = true
	if s.known && rand.IntN(4) > 0 {
		p.send(fmt.Sprintf(`{"subscribe":%q,"after":%d}`, name, s.position))
		return
	}
	p.send(fmt.Sprintf(`{"subscribe":%q}`, name))
}

// newest says whether the client has everything.
func (r *reader) newest() bool {
	for _, name := range r.names {
		if position, _ := r.m.newest(name); r.topics[name] == nil || r.topics[name].waiting || r.topics[name].position != position {
			return false
		}
	}
	return true
}

// step receives a message and compares the state after it with the truth.
func (r *reader) step(t *testing.T, p *page, done <-chan struct{}) bool {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	kind, text, err := p.ws.Read(ctx)
	select {
	case <-done:
		// The error may be another one, since a ping comes at the same instant.
		if err != nil && ctx.Err() != nil {
			return false // nothing comes any more
		}
	default:
	}
	if err != nil || kind != websocket.MessageText {
		t.Errorf("got %v, %v; the client has %s", kind, err, r.state())
		return false
	}
	var message struct {
		Topic    string
		Position uint64
		Document *state
		Change   *uint64
		Error    string
	}
	if err := json.Unmarshal(text, &message); err != nil || message.Error != "" {
		t.Errorf("got %s, %v", text, err)
		return false
	}
	s := r.topics[message.Topic]
	if s == nil {
		return true // what was on its way when the topic was left
	}
	switch {
	case message.Document != nil:
		if s.known && !s.waiting && message.Position < s.position {
			t.Errorf("%s goes back from %d to %d", message.Topic, s.position, message.Position)
		}
		s.known, s.waiting, s.position, s.state = true, false, message.Position, *message.Document
		r.documents++
	case message.Change != nil && s.known && message.Position > s.position:
		s.position, s.state = message.Position, s.state.apply(*message.Change)
		r.applied++
	case message.Change != nil && s.known && !s.waiting && message.Position > s.replayed:
		t.Errorf("%s repeats %d, the client has %d", message.Topic, message.Position, s.position)
	case message.Change != nil:
		r.repeats++
		return true
	case !s.known:
		return true // the answer to a subscription before
	default:
		if message.Position > s.position {
			t.Errorf("%s is to go on at %d, the client has %d", message.Topic, message.Position, s.position)
		}
		// What the subscription before had on its way came meanwhile, and comes again.
		s.waiting, s.replayed = false, s.position
		r.resumed++
		return true
	}
	if want, ok := r.m.at(message.Topic, s.position); !ok || want != s.state {
		t.Errorf("%s at %d is %+v, want %+v (%t)", message.Topic, s.position, s.state, want, ok)
		return false
	}
	return true
}

func (r *reader) state() string {
	text := ""
	for _, name := range r.names {
		position, _ := r.m.newest(name)
		if s := r.topics[name]; s != nil {
			text += fmt.Sprintf(" %s: %d of %d;", name, s.position, position)
		}
	}
	return text
}
