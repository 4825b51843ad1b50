package natsstore

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/natsstore/natsserver"
	"github.com/nats-io/nats.go/jetstream"
)

// payload makes events of about 512 bytes.
var payload = json.RawMessage(`{"text":"` + strings.Repeat("x", 400) + `"}`)

// each calls a function n times from some goroutines.
func each(b *testing.B, writers, n int, f func(writer, i int) error) {
	b.Helper()
	var done sync.WaitGroup
	for w := range writers {
		done.Go(func() {
			for i := w; i < n; i += writers {
				if err := f(w, i/writers); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	done.Wait()
}

// BenchmarkAppend measures saves of one event, each writer to an actor of its own,
// beside what the NATS client does with the same events: one publish each.
func BenchmarkAppend(b *testing.B) {
	for _, replicas := range []int{1, 3} {
		for _, writers := range []int{1, 16, 128, 1024} {
			b.Run(fmt.Sprintf("R%d/writers=%d/aether", replicas, writers), func(b *testing.B) {
				n, err := openNode(b.Context(), benchURLOf(b, replicas), filepath.Join(b.TempDir(), "copy"), ConnOptions{Prefix: freshPrefix()}, Options{Replicas: replicas, SyncAlways: true})
				if err != nil {
					b.Fatal(err)
				}
				defer n.Close() //nolint:errcheck // of a benchmark
				store, err := n.Namespace(b.Context(), "bench")
				if err != nil {
					b.Fatal(err)
				}
				save := func(w, i int) error {
					_, err := store.SaveEvents(context.Background(), aether.Event{ActorID: fmt.Sprint("a/", w), Version: aether.Version(i + 1), Type: "Tested", Data: payload})
					return err
				}
				if err := save(writers, 0); err != nil {
					b.Fatal(err)
				}
				b.ResetTimer()
				each(b, writers, b.N, save)
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
			})
			b.Run(fmt.Sprintf("R%d/writers=%d/raw", replicas, writers), func(b *testing.B) {
				conn := connect(b, benchURLOf(b, replicas), ConnOptions{})
				prefix := string(conn.names)
				_, err := conn.js.CreateStream(b.Context(), jetstream.StreamConfig{Name: prefix, Subjects: []string{prefix + ".>"}, Replicas: replicas, Storage: jetstream.FileStorage})
				if err != nil {
					b.Fatal(err)
				}
				b.ResetTimer()
				each(b, writers, b.N, func(w, i int) error {
					_, err := conn.js.Publish(context.Background(), fmt.Sprint(prefix, ".", w), payload)
					return err
				})
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
			})
		}
	}
}

var benchServers sync.Map // replicas → URL

// benchURLOf is benchURL, once for the process.
func benchURLOf(b *testing.B, replicas int) string {
	b.Helper()
	if url, ok := benchServers.Load(replicas); ok {
		return url.(string)
	}
	folder := filepath.Join(shared.folder, fmt.Sprint("bench", replicas))
	var url string
	if replicas == 1 {
		s, err := natsserver.Start(folder, &natsserver.Options{Listen: "127.0.0.1:0"})
		if err != nil {
			b.Fatal(err)
		}
		url = s.URL()
	} else {
		cluster, err := natsserver.NewCluster(folder, replicas, nil)
		if err != nil {
			b.Fatal(err)
		}
		url = cluster.URLs()[0]
	}
	benchServers.Store(replicas, url)
	return url
}

// BenchmarkLoad100 measures reading an actor of 100 events, current.
func BenchmarkLoad100(b *testing.B) {
	for _, replicas := range []int{1, 3} {
		b.Run(fmt.Sprint("R", replicas), func(b *testing.B) {
			n, err := openNode(b.Context(), benchURLOf(b, replicas), filepath.Join(b.TempDir(), "copy"), ConnOptions{Prefix: freshPrefix()}, Options{Replicas: replicas, SyncAlways: true})
			if err != nil {
				b.Fatal(err)
			}
			defer n.Close() //nolint:errcheck // of a benchmark
			store, err := n.Namespace(b.Context(), "bench")
			if err != nil {
				b.Fatal(err)
			}
			var events []aether.Event
			for i := range 100 {
				events = append(events, aether.Event{ActorID: "a/1", Version: aether.Version(i + 1), Type: "Tested", Data: payload})
			}
			if _, err := store.SaveEvents(b.Context(), events...); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				for _, err := range store.GetEvents(b.Context(), "a/1", 0) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
