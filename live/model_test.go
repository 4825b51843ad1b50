package live

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
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

// model is the truth: the changes of all topics, and the states at all positions.
type model struct {
	mu     sync.Mutex
	topics map[string]*truth
}

type truth struct {
	changes []Change
	states  map[uint64]state
}

func (m *model) at(topic string, position uint64) (state, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.topics[topic].states[position]
	return s, ok
}

// newest returns the newest position of a topic.
func (m *model) newest(topic string) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.topics[topic].last()
}

func (t *truth) last() uint64 {
	if len(t.changes) == 0 {
		return 0
	}
	return t.changes[len(t.changes)-1].Position
}

// commit commits some changes of a topic.
func (m *model) commit(topic string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.topics[topic]
	for range 1 + rand.IntN(3) {
		add, last := rand.Uint64(), t.last()
		change := Change{Topic: topic, Position: last + 1 + rand.Uint64N(3)}
		t.states[change.Position] = t.states[last].apply(add)
		if rand.IntN(20) > 0 {
			change.Data = fmt.Append(nil, add)
		}
		t.changes = append(t.changes, change)
	}
}

func pause(most time.Duration) { pass(rand.N(most)) }

// node is a hub with a read model of its own, which lags behind the truth.
type node struct {
	m   *model
	hub *Hub

	mu      sync.Mutex
	applied map[string]int // how many changes
	quick   atomic.Bool
}

// read returns a document as it is in the read model.
func (n *node) read(_ context.Context, topic string) (Document, error) {
	if !n.quick.Load() {
		pause(10 * time.Millisecond)
		defer pause(10 * time.Millisecond)
	}
	n.m.mu.Lock()
	defer n.m.mu.Unlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	t := n.m.topics[topic]
	position := uint64(0)
	if applied := n.applied[topic]; applied > 0 {
		position = t.changes[applied-1].Position
	}
	data, err := json.Marshal(t.states[position])
	return Document{position, data}, err
}

// apply applies the changes of a topic and publishes them until there are no more to
// come. Now and then it publishes none of some, and says so, of this topic or of all.
func (n *node) apply(topic string, done <-chan struct{}) {
	for last := false; ; {
		n.m.mu.Lock()
		n.mu.Lock()
		changes := n.m.topics[topic].changes[n.applied[topic]:]
		n.mu.Unlock()
		n.m.mu.Unlock()
		if len(changes) == 0 {
			if last {
				return
			}
			select {
			case <-done:
				last = true
			case <-time.After(time.Millisecond):
			}
			continue
		}
		changes = changes[:1+rand.IntN(len(changes))]
		n.mu.Lock()
		n.applied[topic] += len(changes)
		n.mu.Unlock()
		if rand.IntN(2) == 0 {
			pause(5 * time.Millisecond) // applied, and not published yet
		}
		switch rand.IntN(16) {
		case 0:
			n.hub.Refresh(nil)
		case 1, 2:
			n.hub.Refresh(func(name string) bool { return name == topic })
		default:
			n.hub.Publish(changes...)
		}
		if rand.IntN(8) == 0 {
			pause(200 * time.Millisecond) // others are ahead meanwhile
		}
	}
}

// current waits until the read model has what happened.
func (n *node) current(ctx context.Context, topic string) error {
	n.m.mu.Lock()
	want := len(n.m.topics[topic].changes)
	n.m.mu.Unlock()
	for {
		n.mu.Lock()
		applied := n.applied[topic]
		n.mu.Unlock()
		if applied >= want {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
}

// Any number of publishers, nodes that lag and lose what they should publish, and
// clients that come, go, and are slow: the state that a client has is the true one of
// its position, at every moment, it never goes back, and in the end it is the newest.
func TestModel(t *testing.T) {
	const topics, publishers, clients, changes = 6, 4, 20, 250
	for round := range 8 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			options := Options{History: 1 << (2 * (round % 6)), HistoryBytes: 1 << (11 + 2*(round%6)), Ping: time.Second, Timeout: time.Hour}
			inWorld(t, options, func(t *testing.T, w *world) {
				m := &model{topics: make(map[string]*truth)}
				var names []string
				for i := range topics {
					name := fmt.Sprintf("topic/%d", i)
					names = append(names, name)
					m.topics[name] = &truth{states: map[uint64]state{0: {}}}
				}
				nodes := make([]*node, 1+round%3)
				for i := range nodes {
					n := &node{m: m, applied: make(map[string]int)}
					n.quick.Store(rand.IntN(2) == 0)
					own := options
					if rand.IntN(2) == 0 {
						own.Current = n.current
					}
					n.hub = New(n.read, &own)
					defer n.hub.Close()
					nodes[i] = n
				}
				w.server.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
					nodes[rand.IntN(len(nodes))].hub.ServeHTTP(rw, r)
				})
				committed, done := make(chan struct{}), make(chan struct{})
				var publishing, applying, reading sync.WaitGroup
				for range publishers {
					publishing.Go(func() {
						for range changes {
							pause(20 * time.Millisecond)
							m.commit(names[rand.IntN(len(names))])
						}
					})
				}
				for _, n := range nodes {
					for _, name := range names {
						applying.Go(func() { n.apply(name, committed) })
					}
				}
				readers := make([]*reader, clients)
				for i := range readers {
					r := &reader{w: w, m: m, names: names, topics: make(map[string]*seen)}
					readers[i] = r
					reading.Go(func() { r.run(t, done) })
				}
				publishing.Wait()
				close(committed)
				applying.Wait()
				close(done)
				reading.Wait()
				var all reader
				for _, r := range readers {
					all.documents, all.applied, all.resumed, all.repeats = all.documents+r.documents, all.applied+r.applied, all.resumed+r.resumed, all.repeats+r.repeats
				}
				t.Logf("%d documents, %d changes, %d resumed, %d repeated", all.documents, all.applied, all.resumed, all.repeats)
				for _, n := range nodes {
					t.Logf("%+v", n.hub.Stats())
					synctest.Wait()
					checkCosts(t, n.hub)
				}
				if all.applied == 0 || all.documents == 0 {
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
		renew := ""
		if rand.IntN(8) == 0 {
			renew = `,"renew":true`
		}
		p.send(fmt.Sprintf(`{"subscribe":%q,"after":%d%s}`, name, s.position, renew))
		return
	}
	s.known = false // the node may have less
	p.send(fmt.Sprintf(`{"subscribe":%q}`, name))
}

// newest says whether the client has everything.
func (r *reader) newest() bool {
	for _, name := range r.names {
		if s := r.topics[name]; s == nil || s.waiting || s.position != r.m.newest(name) {
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
		Behind   bool
		Restored bool
		Error    string
	}
	if err := json.Unmarshal(text, &message); err != nil || message.Error != "" || message.Behind || message.Restored {
		t.Errorf("got %s, %v", text, err)
		return false
	}
	s := r.topics[message.Topic]
	if s == nil {
		return true // what was on its way when the topic was left
	}
	switch {
	case message.Document != nil:
		if s.known && message.Position < s.position {
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
		if s := r.topics[name]; s != nil {
			text += fmt.Sprintf(" %s: %d of %d;", name, s.position, r.m.newest(name))
		}
	}
	return text
}
