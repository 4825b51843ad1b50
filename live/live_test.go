package live

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aether-es/aether"
	"github.com/coder/websocket"
)

func TestDocumentThenChanges(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		w.set("grid/mars", 7, `{"rovers":1}`)
		w.change("grid/moon", 3)
		p := w.connect()
		p.send(`{"subscribe":"grid/mars"}`)
		p.expect(`{"topic":"grid/mars","position":7,"document":{"rovers":1}}`)
		w.change("grid/mars", 9)
		w.change("grid/moon", 4)
		w.hub.Publish(Change{"grid/mars", 12, []byte(`{"a":"ä"}`)}, Change{"grid/moon", 13, []byte(`1`)}, Change{"grid/mars", 14, []byte(`null`)})
		p.expect(`{"topic":"grid/mars","position":9,"change":9}`,
			`{"topic":"grid/mars","position":12,"change":{"a":"ä"}}`,
			`{"topic":"grid/mars","position":14,"change":null}`)

		// A second topic on the same connection, and the first left.
		p.send(`{"subscribe":"grid/moon"}`)
		p.expect(`{"topic":"grid/moon","position":4,"document":4}`, `{"topic":"grid/moon","position":13,"change":1}`)
		p.send(`{"unsubscribe":"grid/mars"}`)
		p.send(`{"unsubscribe":"nothing"}`)
		synctest.Wait()
		w.change("grid/mars", 15)
		w.change("grid/moon", 15)
		p.expect(`{"topic":"grid/moon","position":15,"change":15}`)

		// Subscribed again: anew.
		p.send(`{"subscribe":"grid/moon"}`)
		p.expect(`{"topic":"grid/moon","position":15,"document":15}`)
		if s := w.hub.Stats(); s.Clients != 1 || s.Topics != 2 || s.Sent != 8 || s.Documents != 3 || s.Conflated != 0 {
			t.Errorf("stats are %+v", s)
		}
	})
}

func TestErrors(t *testing.T) {
	inWorld(t, Options{Topics: 2}, func(t *testing.T, w *world) {
		w.set("a", 1, `1`)
		w.set("b", 1, `1`)
		p := w.connect()
		p.send(`{"subscribe":"<no>\u0000"}`)
		p.expect(`{"topic":"\u003cno\u003e\u0000","error":"unknown topic"}`)
		p.send(`{"subscribe":""}`)
		p.expect(`{"topic":"","error":"bad topic name"}`)
		long := strings.Repeat("x", maxTopic+1)
		p.send(`{"subscribe":"` + long + `"}`)
		p.expect(`{"topic":"` + long + `","error":"bad topic name"}`)
		p.send(`{"subscribe":"a"}`)
		p.expect(`{"topic":"a","position":1,"document":1}`)

		w.mu.Lock()
		w.readError = errors.New("disk on fire")
		w.mu.Unlock()
		p.send(`{"subscribe":"b"}`)
		p.expect(`{"topic":"b","error":"unavailable"}`)
		if !strings.Contains(w.logged.String(), "disk on fire") {
			t.Errorf("logged is %q", w.logged)
		}
		w.mu.Lock()
		w.readError = nil
		w.before = func(string) { panic("no index") }
		w.mu.Unlock()
		p.send(`{"subscribe":"b"}`)
		p.expect(`{"topic":"b","error":"unavailable"}`)
		if !strings.Contains(w.logged.String(), "no index") {
			t.Errorf("logged is %q", w.logged)
		}
		w.mu.Lock()
		w.before = nil
		w.mu.Unlock()
		w.set("b", 1, `{`)
		p.send(`{"subscribe":"b"}`)
		p.expect(`{"topic":"b","error":"unavailable"}`)
		w.set("b", 1, `"b"`)
		p.send(`{"subscribe":"b"}`)
		p.expect(`{"topic":"b","position":1,"document":"b"}`)
		p.send(`{"subscribe":"c"}`)
		p.expect(`{"topic":"c","error":"too many topics"}`)
		p.send(`{"unsubscribe":"a"}`)
		p.send(`{"subscribe":"c"}`)
		p.expect(`{"topic":"c","error":"unknown topic"}`)

		// What does not exist leaves no trace.
		p.leave()
		if s := w.hub.Stats(); s.Topics != 2 {
			t.Errorf("the hub knows %d topics, want a and b", s.Topics)
		}
	})
}

func TestResume(t *testing.T) {
	inWorld(t, Options{History: 3}, func(t *testing.T, w *world) {
		again := func(after any, want ...string) {
			t.Helper()
			p := w.connect()
			p.send(fmt.Sprintf(`{"subscribe":"a","after":%v}`, after))
			p.expect(want...)
			p.leave()
		}
		// Nothing is known of what was before: the document.
		w.set("a", 5, `5`)
		again(5, `{"topic":"a","position":5,"document":5}`)
		// The hub has heard of everything behind that document.
		again(5, `{"topic":"a","position":5}`)
		again(4, `{"topic":"a","position":5,"document":5}`)
		again(0, `{"topic":"a","position":5,"document":5}`)
		w.change("a", 8)
		w.change("a", 9)
		again(5, `{"topic":"a","position":5}`, `{"topic":"a","position":8,"change":8}`, `{"topic":"a","position":9,"change":9}`)
		again(8, `{"topic":"a","position":8}`, `{"topic":"a","position":9,"change":9}`)
		again(9, `{"topic":"a","position":9}`)
		// From another time, or made up.
		again(10, `{"topic":"a","position":9,"behind":true,"document":9}`)
		again(uint64(1<<64-1), `{"topic":"a","position":9,"behind":true,"document":9}`)
		w.change("a", 10)
		w.change("a", 11)
		// 8 is not there any more.
		again(5, `{"topic":"a","position":11,"document":11}`)
		again(8, `{"topic":"a","position":8}`, `{"topic":"a","position":9,"change":9}`, `{"topic":"a","position":10,"change":10}`, `{"topic":"a","position":11,"change":11}`)
		if s := w.hub.Stats(); s.Conflated != 0 {
			t.Errorf("stats are %+v", s)
		}
		// A topic first heard of by a change: behind that.
		w.change("b", 100)
		w.change("b", 101)
		p := w.connect()
		p.send(`{"subscribe":"b","after":99}`)
		p.expect(`{"topic":"b","position":101,"document":101}`)
		p.send(`{"subscribe":"b","after":100}`)
		p.expect(`{"topic":"b","position":100}`, `{"topic":"b","position":101,"change":101}`)
	})
}

// What is published while the document is read is neither lost nor sent twice,
// whatever the document has of it.
func TestPublishedWhileRead(t *testing.T) {
	for _, test := range []struct {
		name string
		at   uint64 // the position of the document
		want []string
	}{
		{"before", 1, []string{`{"topic":"a","position":2,"change":2}`, `{"topic":"a","position":4,"change":4}`}},
		{"between", 2, []string{`{"topic":"a","position":4,"change":4}`}},
		{"after", 4, nil},
		{"ahead", 7, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				w.set("a", test.at, `"d"`)
				w.before = func(string) {
					w.hub.Publish(Change{"a", 2, []byte(`2`)}, Change{"a", 4, []byte(`4`)})
				}
				w.hub.Publish(Change{"a", 1, []byte(`1`)})
				p := w.connect()
				p.send(`{"subscribe":"a"}`)
				p.expect(fmt.Sprintf(`{"topic":"a","position":%d,"document":"d"}`, test.at))
				p.expect(test.want...)
				w.hub.Publish(Change{"a", 7, []byte(`7`)}, Change{"a", 8, []byte(`8`)})
				if test.at < 7 {
					p.expect(`{"topic":"a","position":7,"change":7}`)
				}
				p.expect(`{"topic":"a","position":8,"change":8}`)
				if w.reads.Load() != 1 {
					t.Errorf("the document was read %d times", w.reads.Load())
				}
			})
		})
	}
}

// Those who ask while a document is read share the next.
func TestReadsAreShared(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		w.set("a", 1, `1`)
		w.before = func(string) { pass(time.Second) }
		for range 50 {
			p := w.connect()
			p.send(`{"subscribe":"a"}`)
			defer p.expect(`{"topic":"a","position":1,"document":1}`)
		}
		pass(5 * time.Second)
		if w.reads.Load() > 2 {
			t.Errorf("the document was read %d times for 50 clients", w.reads.Load())
		}
	})
}

// Changes that cannot be sent as such are sent as documents.
func TestBlankChanges(t *testing.T) {
	inWorld(t, Options{HistoryBytes: 8 << 10}, func(t *testing.T, w *world) {
		w.set("a", 1, `1`)
		p := w.connect()
		p.send(`{"subscribe":"a"}`)
		p.expect(`{"topic":"a","position":1,"document":1}`)
		position := uint64(1)
		for _, data := range []string{"", "{", "\"\xff\"", `"` + strings.Repeat("x", 2000) + `"`} {
			position++
			w.set("a", position, `2`)
			w.hub.Publish(Change{"a", position, []byte(data)})
			p.expect(fmt.Sprintf(`{"topic":"a","position":%d,"document":2}`, position))
		}
		w.change("a", 10)
		p.expect(`{"topic":"a","position":10,"change":10}`)
		w.hub.Publish(Change{"a", 10, []byte(`1`)}, Change{"a", 9, nil}, Change{"new", 0, []byte(`1`)})
		w.change("a", 11)
		p.expect(`{"topic":"a","position":11,"change":11}`)
		if s := w.hub.Stats(); s.Repeated != 3 || s.Topics != 1 {
			t.Errorf("stats are %+v, want 3 repeated", s)
		}
		if got := strings.Count(w.logged.String(), "cannot be sent"); got != 2 {
			t.Errorf("logged %d changes, want 2: %s", got, w.logged)
		}
	})
}

// A client that reads slowly gets the newest document, as new as when it can take it.
func TestConflation(t *testing.T) {
	inWorld(t, Options{History: 10}, func(t *testing.T, w *world) {
		w.set("a", 0, `0`)
		p := w.connect()
		p.send(`{"subscribe":"a"}`)
		p.expect(`{"topic":"a","position":0,"document":0}`)
		w.change("a", 1)
		synctest.Wait() // the writer has 1 in hand
		for i := range uint64(1000) {
			w.change("a", 2+i)
		}
		p.expect(`{"topic":"a","position":1,"change":1}`)
		p.expect(`{"topic":"a","position":1001,"document":1001}`)
		for i := range uint64(5) { // few enough
			w.change("a", 1002+i)
		}
		for i := range 5 {
			p.expect(fmt.Sprintf(`{"topic":"a","position":%d,"change":%d}`, 1002+i, 1002+i))
		}
		if s := w.hub.Stats(); s.Conflated != 1 || s.Documents != 2 || w.reads.Load() != 2 {
			t.Errorf("stats are %+v, %d reads", s, w.reads.Load())
		}
	})
}

// A client that waits for one topic gets the others meanwhile, and holds one document
// at a time.
func TestOneDocumentAtATime(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		release := make(chan struct{})
		w.before = func(topic string) {
			if topic == "slow" {
				<-release
			}
		}
		for _, topic := range []string{"quick", "slow", "other"} {
			w.set(topic, 1, `1`)
		}
		p := w.connect()
		p.send(`{"subscribe":"quick"}`)
		p.expect(`{"topic":"quick","position":1,"document":1}`)
		p.send(`{"subscribe":"slow"}`)
		p.send(`{"subscribe":"other"}`)
		synctest.Wait()
		if w.reads.Load() != 1 {
			t.Errorf("%d documents were read", w.reads.Load())
		}
		w.change("quick", 2)
		p.expect(`{"topic":"quick","position":2,"change":2}`)
		// To leave the topic that is waited for is to let the next in.
		p.send(`{"unsubscribe":"slow"}`)
		p.expect(`{"topic":"other","position":1,"document":1}`)
		close(release)
		synctest.Wait()
		w.change("other", 2)
		p.expect(`{"topic":"other","position":2,"change":2}`)
	})
}

// Who leaves while others wait for the same document leaves nothing.
func TestLeaveWhileWaiting(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		release := make(chan struct{})
		w.before = func(string) { <-release }
		w.set("a", 1, `1`)
		first, second := w.connect(), w.connect()
		first.send(`{"subscribe":"a"}`)
		synctest.Wait()
		second.send(`{"subscribe":"a"}`)
		synctest.Wait()
		second.leave()
		w.hub.mu.Lock()
		if waiting := len(w.hub.topics["a"].waiting); waiting != 0 {
			t.Errorf("%d are waiting", waiting)
		}
		w.hub.mu.Unlock()
		close(release)
		first.expect(`{"topic":"a","position":1,"document":1}`)
	})
}

// A copy of the read DB that lags behind what is published: the client comes to the
// right state, and is not flooded meanwhile.
func TestLaggingDocuments(t *testing.T) {
	inWorld(t, Options{History: 2}, func(t *testing.T, w *world) {
		for i := range uint64(10) {
			w.hub.Publish(Change{"a", i + 1, []byte(`1`)})
		}
		w.set("a", 5, `5`)
		p := w.connect()
		p.send(`{"subscribe":"a"}`)
		begin := time.Now()
		p.expect(`{"topic":"a","position":5,"document":5}`)
		pass(10 * late) // the same is not sent again
		w.set("a", 6, `6`)
		p.expect(`{"topic":"a","position":6,"document":6}`)
		if took, reads := time.Since(begin), w.reads.Load(); reads > int64(took/late)+2 {
			t.Errorf("the document was read %d times within %v", reads, took)
		}
		w.set("a", 9, `9`)
		p.expect(`{"topic":"a","position":9,"document":9}`, `{"topic":"a","position":10,"change":1}`)
		w.hub.Publish(Change{"a", 11, []byte(`1`)})
		p.expect(`{"topic":"a","position":11,"change":1}`)
	})
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		w.set("a", 1, `1`)
		w.before = func(topic string) {
			if topic == "reading" {
				pass(time.Second) // obeys no context
			}
		}
		good, deaf, reading := w.connect(), w.connect(), w.connect()
		good.send(`{"subscribe":"a"}`)
		good.expect(`{"topic":"a","position":1,"document":1}`)
		deaf.send(`{"subscribe":"a"}`) // it never reads, so that the writer is stuck
		reading.send(`{"subscribe":"reading"}`)
		synctest.Wait()
		done := make(chan error)
		begin := time.Now()
		go func() { done <- w.hub.Close() }()
		good.expectClose(websocket.StatusGoingAway, "the server shuts down")
		reading.expectClose(websocket.StatusGoingAway, "the server shuts down")
		if err := <-done; err != nil {
			t.Error(err)
		}
		if took := time.Since(begin); took != closing {
			t.Errorf("Close took %v, want %v", took, closing)
		}
		if err := w.hub.Close(); !errors.Is(err, aether.ErrClosed) {
			t.Errorf("the second Close returned %v", err)
		}
		w.hub.Publish(Change{"a", 2, []byte(`2`)})
		if _, answer, err := w.dial(nil); err == nil || answer == nil || answer.StatusCode != 503 {
			t.Errorf("after Close a client got %v, %v", answer, err)
		}
		_ = w.server.Close()
	})
}

// Close of a hub with nobody slow takes no time.
func TestCloseAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		p := w.connect()
		ended := make(chan error)
		go func() {
			_, _, err := p.ws.Read(context.Background())
			ended <- err
		}()
		synctest.Wait() // until the hub knows of it
		begin := time.Now()
		w.close()
		if took := time.Since(begin); took != 0 {
			t.Errorf("Close took %v", took)
		}
		if err := <-ended; websocket.CloseStatus(err) != websocket.StatusGoingAway {
			t.Error(err)
		}
	})
}
