package live

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A topic that is published to again and again keeps its history, whatever happens
// to others.
func TestHistoryOfBusyTopic(t *testing.T) {
	inWorld(t, Options{HistoryBytes: 32 << 10}, func(t *testing.T, w *world) {
		for i := range uint64(1000) {
			w.change(fmt.Sprintf("other/%d", i), 1)
			if i%10 == 0 {
				w.change("busy", i/10+1)
			}
		}
		p := w.connect()
		p.send(`{"subscribe":"busy","after":80}`)
		p.expect(`{"topic":"busy","position":80}`)
		for n := 81; n <= 100; n++ {
			p.expect(fmt.Sprintf(`{"topic":"busy","position":%d,"change":%d}`, n, n))
		}
		p.send(`{"subscribe":"other/0","after":1}`)
		p.expect(`{"topic":"other/0","position":1,"document":1}`)
	})
}

// A slow client whose topic has lost its history to others gets the document.
func TestHistoryLostToOthers(t *testing.T) {
	inWorld(t, Options{HistoryBytes: 32 << 10}, func(t *testing.T, w *world) {
		w.set("a", 0, `0`)
		p := w.connect()
		p.send(`{"subscribe":"a"}`)
		p.expect(`{"topic":"a","position":0,"document":0}`)
		w.change("a", 1)
		synctest.Wait() // the writer has 1 in hand
		w.change("a", 2)
		w.change("a", 3)
		data := []byte(`"` + strings.Repeat("x", 2000) + `"`)
		for i := range 20 {
			w.hub.Publish(Change{fmt.Sprintf("other/%d", i), 1, data})
		}
		p.expect(`{"topic":"a","position":1,"change":1}`, `{"topic":"a","position":3,"document":3}`)
		w.change("a", 4)
		p.expect(`{"topic":"a","position":4,"change":4}`)
	})
}

// Reading a document ends after Timeout, and when the hub is closed.
func TestReadEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{Timeout: 10 * time.Second})
		_ = w.hub.Close()
		var ended error
		w.hub = New(func(ctx context.Context, _ string) (Document, error) {
			<-ctx.Done()
			ended = ctx.Err()
			return Document{}, ended
		}, &w.hub.options)
		w.server.Handler = w.hub
		p := w.connect()
		p.send(`{"subscribe":"a"}`)
		begin := time.Now()
		p.expect(`{"topic":"a","error":"unavailable"}`)
		if took := time.Since(begin); took != 10*time.Second || !errors.Is(ended, context.DeadlineExceeded) {
			t.Errorf("after %v reading ended with %v", took, ended)
		}
		p.send(`{"subscribe":"a"}`)
		synctest.Wait()
		p.leave()
		begin = time.Now()
		w.close()
		if took := time.Since(begin); took != 0 || !errors.Is(ended, context.Canceled) {
			t.Errorf("Close took %v, reading ended with %v", took, ended)
		}
	})
}
