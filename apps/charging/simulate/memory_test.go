package simulate_test

import (
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
	"github.com/aether-es/aether/apps/charging/simulate"
)

// hold connects idle stations over loopback and returns how many bytes each costs the
// process, with the central system's side of its connection, and how many goroutines.
func hold(t testing.TB, n int) (bytes, goroutines float64) {
	t.Helper()
	c := newCentral(nil)
	server := ocpp.NewServer(v16.Messages{}, c, c, &ocpp.ServerOptions{NoCompression: true})
	web := httptest.NewServer(server)
	defer web.Close()
	dial := new(net.Dialer).DialContext
	before, goroutinesBefore := used(), runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	stations := make([]*simulate.Station, n)
	for i := range stations {
		stations[i] = simulate.NewStation("ws"+strings.TrimPrefix(web.URL, "http"), fmt.Sprint("CP-", i), &simulate.StationOptions{Dial: dial})
		work.Go(func() { _ = stations[i].Run(ctx) })
	}
	deadline := time.Now().Add(20 * time.Second)
	for _, s := range stations {
		for !s.Settled() {
			if time.Now().After(deadline) {
				t.Fatalf("%s is not online", s.Identity())
			}
			<-time.After(time.Millisecond)
		}
	}
	c.mu.Lock()
	c.calls = nil
	c.mu.Unlock()
	bytes = float64(used()-before) / float64(n)
	goroutines = float64(runtime.NumGoroutine()-goroutinesBefore) / float64(n)
	cancel()
	work.Wait()
	if err := server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	return bytes, goroutines
}

// used returns the bytes in use.
func used() uint64 {
	var m runtime.MemStats
	for range 3 { // stacks shrink when they are collected
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// Ten thousand stations are to live in a process: 40 KiB for each, and as much for the
// other side of its connection. See the benchmark for the real numbers.
func TestMemoryOfAStation(t *testing.T) {
	if bytes, goroutines := hold(t, 100); bytes > 80<<10 || goroutines > 2.2 {
		t.Errorf("a station costs %.1f KiB and %.2f goroutines", bytes/1024, goroutines)
	}
}

// BenchmarkHold holds b.N stations: run it with -benchtime=5000x.
func BenchmarkHold(b *testing.B) {
	bytes, goroutines := hold(b, b.N)
	b.ReportMetric(bytes, "B/station")
	b.ReportMetric(goroutines, "goroutines/station")
}
