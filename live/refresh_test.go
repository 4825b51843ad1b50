package live

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// What was committed and not published comes after Refresh, and what is published
// then goes on from there.
func TestRefresh(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		w.set("a", 1, `1`)
		w.set("b", 1, `1`)
		p := w.connect()
		for _, topic := range []string{"a", "b"} {
			p.send(`{"subscribe":"` + topic + `"}`)
			p.expect(`{"topic":"` + topic + `","position":1,"document":1}`)
		}
		w.change("a", 2)
		p.expect(`{"topic":"a","position":2,"change":2}`)
		w.set("a", 3, `3`)
		w.set("b", 3, `3`)
		w.hub.Refresh(func(topic string) bool { return topic == "a" })
		p.expect(`{"topic":"a","position":3,"document":3}`)
		w.change("a", 4)
		p.expect(`{"topic":"a","position":4,"change":4}`)
		if w.reads.Load() != 3 {
			t.Errorf("there were %d reads", w.reads.Load())
		}

		// Nobody goes on across what was missed.
		q := w.connect()
		q.send(`{"subscribe":"a","after":2}`)
		q.expect(`{"topic":"a","position":4,"document":4}`)
		q.send(`{"subscribe":"a","after":3}`)
		q.expect(`{"topic":"a","position":3}`, `{"topic":"a","position":4,"change":4}`)

		// All topics; what nobody has missed is not sent.
		w.hub.Refresh(nil)
		p.expect(`{"topic":"b","position":3,"document":3}`)
		synctest.Wait()
		w.change("a", 5)
		p.expect(`{"topic":"a","position":5,"change":5}`)
		q.expect(`{"topic":"a","position":5,"change":5}`)

		// What happens while the document is read.
		w.set("a", 6, `6`)
		w.mu.Lock()
		w.before = func(string) { w.change("a", 7) }
		w.after = func(string) { w.change("a", 8) }
		w.mu.Unlock()
		w.hub.Refresh(nil)
		p.expect(`{"topic":"a","position":7,"document":7}`, `{"topic":"a","position":8,"change":8}`)
	})
}

// A document that began to be read before Refresh may lack what was missed.
func TestRefreshWhileRead(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		w.set("a", 1, `1`)
		release := make(chan struct{})
		w.mu.Lock()
		w.after = func(string) { <-release }
		w.mu.Unlock()
		p := w.connect()
		p.send(`{"subscribe":"a"}`)
		synctest.Wait() // it is read, and has 1
		w.set("a", 2, `2`)
		w.hub.Refresh(nil)
		close(release)
		p.expect(`{"topic":"a","position":1,"document":1}`, `{"topic":"a","position":2,"document":2}`)
		w.change("a", 3)
		p.expect(`{"topic":"a","position":3,"change":3}`)
	})
}

// The document is read once a topic, not once a client, and of few topics at a time;
// what lags does not keep the others.
func TestRefreshReads(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		const topics, clients = 30, 20
		var pages []*page
		for i := range topics {
			w.set(fmt.Sprint("t", i), 1, `1`)
		}
		for range clients {
			p := w.connect()
			for i := range topics {
				p.send(fmt.Sprintf(`{"subscribe":"t%d"}`, i))
				p.expect(fmt.Sprintf(`{"topic":"t%d","position":1,"document":1}`, i))
			}
			pages = append(pages, p)
		}
		for i := range topics {
			w.set(fmt.Sprint("t", i), 3, `3`)
		}
		w.hub.Publish(Change{"t0", 3, []byte(`3`)})
		w.hub.Publish(Change{"t1", 5, []byte(`5`)}) // and its document lags
		for _, p := range pages {
			p.expect(`{"topic":"t0","position":3,"change":3}`, `{"topic":"t1","position":5,"change":5}`)
		}
		reads := w.reads.Load()
		var now, most atomic.Int64
		w.mu.Lock()
		w.before = func(string) {
			n := now.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			pass(10 * time.Millisecond)
			now.Add(-1)
		}
		w.mu.Unlock()
		begin := time.Now()
		w.hub.Refresh(nil)
		for _, p := range pages {
			got := make(map[string]bool)
			for range topics - 2 {
				_, text, err := p.ws.Read(t.Context())
				if err != nil || !strings.Contains(string(text), `"position":3,"document":3`) {
					t.Fatalf("got %s, %v", text, err)
				}
				got[string(text)] = true
			}
			if len(got) != topics-2 {
				t.Errorf("a client got %d documents", len(got))
			}
		}
		if took := time.Since(begin); took > late {
			t.Errorf("it took %v", took)
		}
		synctest.Wait()
		if n := w.reads.Load() - reads; n > topics+2 {
			t.Errorf("%d documents were read", n)
		}
		if most.Load() > refreshers+1 {
			t.Errorf("%d documents were read at a time", most.Load())
		}
		w.set("t1", 6, `6`)
		for _, p := range pages {
			p.expect(`{"topic":"t1","position":6,"document":6}`)
		}
	})
}

// What cannot be read after Refresh is told, and so is what has gone.
func TestRefreshOfWhatCannotBeRead(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		w.set("a", 0, `0`)
		p := w.connect()
		p.send(`{"subscribe":"a"}`)
		p.expect(`{"topic":"a","position":0,"document":0}`)
		w.mu.Lock()
		w.readError = errors.New("disk on fire")
		w.mu.Unlock()
		w.hub.Refresh(nil)
		p.expect(`{"topic":"a","error":"unavailable"}`)
		w.mu.Lock()
		w.readError = nil
		w.mu.Unlock()
		p.send(`{"subscribe":"a","after":0}`)
		p.expect(`{"topic":"a","position":0,"document":0}`)
		w.mu.Lock()
		delete(w.documents, "a")
		w.mu.Unlock()
		w.hub.Refresh(nil)
		p.expect(`{"topic":"a","error":"unknown topic"}`)
	})
}

// A page that comes with more than this node has waits until that comes.
func TestAhead(t *testing.T) {
	for _, test := range []struct {
		name string
		come func(w *world)
		want string
	}{
		{"published", func(w *world) {
			for position := uint64(6); position <= 9; position++ {
				w.change("a", position)
			}
		}, `{"topic":"a","position":9,"document":9}`},
		{"published beyond", func(w *world) { w.change("a", 12) }, `{"topic":"a","position":12,"document":12}`},
		{"published without data", func(w *world) {
			w.set("a", 9, `9`)
			w.hub.Publish(Change{"a", 9, nil})
		}, `{"topic":"a","position":9,"document":9}`},
		{"refreshed", func(w *world) {
			w.hub.Refresh(nil) // without anything new
			w.set("a", 9, `9`)
			w.hub.Refresh(nil)
		}, `{"topic":"a","position":9,"document":9}`},
		{"read for another", func(w *world) {
			w.set("a", 9, `9`)
			q := w.connect()
			q.send(`{"subscribe":"a"}`)
			q.expect(`{"topic":"a","position":9,"document":9}`)
		}, `{"topic":"a","position":9,"document":9}`},
		{"never", func(w *world) { w.change("a", 8) }, `{"topic":"a","position":8,"behind":true,"document":8}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				w.set("a", 5, `5`)
				w.set("other", 1, `1`)
				p := w.connect()
				begin := time.Now()
				p.send(`{"subscribe":"a","after":9}`)
				p.send(`{"subscribe":"other"}`) // does not wait
				p.expect(`{"topic":"other","position":1,"document":1}`)
				pass(time.Second)
				test.come(w)
				p.expect(test.want)
				want := time.Second
				if test.name == "never" {
					want = 5 * time.Second
				}
				if took := time.Since(begin); took != want {
					t.Errorf("it took %v, want %v", took, want)
				}
				w.change("a", 13)
				p.expect(`{"topic":"a","position":13,"change":13}`)
				synctest.Wait()
				w.hub.mu.Lock()
				defer w.hub.mu.Unlock()
				if n := len(w.hub.topics["a"].ahead); n > 0 {
					t.Errorf("%d wait", n)
				}
			})
		})
	}
}

// The copy of the read DB lags behind what was published here, and behind the page.
func TestAheadOfWhatLags(t *testing.T) {
	inWorld(t, Options{History: 1, Wait: time.Second}, func(t *testing.T, w *world) {
		w.set("a", 5, `5`)
		w.hub.Publish(Change{"a", 9, []byte(`9`)})
		p := w.connect()
		p.send(`{"subscribe":"a","after":7}`)
		pass(500 * time.Millisecond)
		w.set("a", 7, `7`)
		p.expect(`{"topic":"a","position":7,"document":7}`)
		w.set("a", 9, `9`)
		p.expect(`{"topic":"a","position":9,"document":9}`)
		begin := time.Now()
		w.set("a", 8, `8`)
		p.send(`{"subscribe":"a","after":9,"renew":true}`)
		p.expect(`{"topic":"a","position":8,"behind":true,"document":8}`)
		if took := time.Since(begin); took < time.Second || took > time.Second+2*late {
			t.Errorf("it took %v", took)
		}
	})
}

// Whether the history was restored is what Current tells.
func TestRestored(t *testing.T) {
	for _, test := range []struct {
		name    string
		current func(ctx context.Context, w *world) error
		want    string
		took    time.Duration
	}{
		{"at once", func(context.Context, *world) error { return nil }, `{"topic":"a","position":5,"restored":true,"document":5}`, 0},
		{"after a while", func(_ context.Context, w *world) error {
			pass(2 * time.Second)
			w.set("a", 6, `6`)
			return nil
		}, `{"topic":"a","position":6,"restored":true,"document":6}`, 2 * time.Second},
		{"not at all", func(_ context.Context, w *world) error {
			pass(2 * time.Second)
			w.set("a", 10, `10`)
			return nil
		}, `{"topic":"a","position":10,"document":10}`, 2 * time.Second},
		{"not known", func(ctx context.Context, _ *world) error {
			<-ctx.Done()
			return ctx.Err()
		}, `{"topic":"a","position":5,"behind":true,"document":5}`, 5 * time.Second},
		{"panic", func(ctx context.Context, _ *world) error { panic("no log") }, `{"topic":"a","position":5,"behind":true,"document":5}`, 5 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			var w *world
			current := func(ctx context.Context, _ string) error { return test.current(ctx, w) }
			inWorld(t, Options{Current: current}, func(t *testing.T, made *world) {
				w = made
				w.set("a", 5, `5`)
				p := w.connect()
				begin := time.Now()
				p.send(`{"subscribe":"a","after":9}`)
				p.expect(test.want)
				if took := time.Since(begin); took != test.took {
					t.Errorf("it took %v, want %v", took, test.took)
				}
			})
		})
	}
}

// A topic that a page has seen and this node has not: not yet, or not any more.
func TestAheadOfNoTopic(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		p := w.connect()
		p.send(`{"subscribe":"a","after":3}`)
		pass(time.Second)
		w.change("a", 3)
		p.expect(`{"topic":"a","position":3,"document":3}`)
		begin := time.Now()
		p.send(`{"subscribe":"b","after":3}`)
		p.expect(`{"topic":"b","error":"unknown topic"}`)
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("it took %v", took)
		}
		// Who leaves leaves nothing.
		p.send(`{"subscribe":"a","after":10}`)
		p.send(`{"subscribe":"c","after":10}`)
		synctest.Wait()
		p.send(`{"unsubscribe":"c"}`)
		synctest.Wait()
		p.leave()
		if s := w.hub.Stats(); s.Topics != 1 {
			t.Errorf("stats are %+v", s)
		}
		pass(10 * time.Second)
	})
}

func TestRenew(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		w.change("a", 3)
		p := w.connect()
		for range 2 {
			p.send(`{"subscribe":"a","after":3,"renew":true}`)
			p.expect(`{"topic":"a","position":3,"document":3}`)
		}
		p.send(`{"subscribe":"a","after":3}`)
		p.expect(`{"topic":"a","position":3}`)
		p.send(`{"ping":18446744073709551615}`)
		p.expect(`{"pong":18446744073709551615}`)
		p.send(`{"ping":0}`)
		p.expect(`{"pong":0}`)
	})
}
