package ocpp_test

import (
	"fmt"
	"net"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
)

// hold connects so many stations and returns how many bytes each costs the process (the
// heap and the stacks, with what a client's bare socket needs), and how many goroutines.
func hold(t testing.TB, stations int) (bytes, goroutines float64) {
	t.Helper()
	all := book{}
	for i := range stations {
		all[fmt.Sprint("CP", i)] = ocpp.Credentials{}
	}
	server := ocpp.NewServer(v16.Messages{}, all, ocpp.HandlerFunc(central), nil)
	web := httptest.NewServer(server)
	defer web.Close()
	conns := make([]net.Conn, 0, stations)
	before, goroutinesBefore := used(), runtime.NumGoroutine()
	for i := range stations {
		conn, err := net.Dial("tcp", strings.TrimPrefix(web.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
		if err := rawHandshake(conn, fmt.Sprint("CP", i)); err != nil {
			t.Fatal(err)
		}
		if err := rawBeat(conn); err != nil {
			t.Fatal(err)
		}
	}
	bytes = float64(used()-before) / float64(stations)
	goroutines = float64(runtime.NumGoroutine()-goroutinesBefore) / float64(stations)
	for _, conn := range conns {
		_ = conn.Close()
	}
	if err := server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	return bytes, goroutines
}

// rawBeat makes a Heartbeat, so that a connection has done all that it does.
func rawBeat(conn net.Conn) error {
	frame := []byte{0x81, 0x80 | byte(len(heartbeat)), 0, 0, 0, 0} // masked with zeros
	if _, err := conn.Write(append(frame, heartbeat...)); err != nil {
		return err
	}
	var head [2]byte
	if _, err := conn.Read(head[:]); err != nil {
		return err
	}
	_, err := conn.Read(make([]byte, head[1]))
	return err
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

// The target is 40 KiB; see the benchmark for the real numbers.
func TestMemoryOfAConnection(t *testing.T) {
	if bytes, goroutines := hold(t, 300); bytes > 40<<10 || goroutines > 1.1 {
		t.Errorf("a connection costs %.1f KiB and %.2f goroutines", bytes/1024, goroutines)
	}
}

// BenchmarkHold holds b.N connections: run it with -benchtime=5000x.
func BenchmarkHold(b *testing.B) {
	bytes, goroutines := hold(b, b.N)
	b.ReportMetric(bytes, "B/conn")
	b.ReportMetric(goroutines, "goroutines/conn")
}

// BenchmarkCall makes calls of one station, one after the other, over loopback.
func BenchmarkCall(b *testing.B) {
	server := ocpp.NewServer(v16.Messages{}, book{"CP1": {}}, ocpp.HandlerFunc(central), nil)
	web := httptest.NewServer(server)
	defer web.Close()
	conn, err := ocpp.Dial(b.Context(), "ws"+strings.TrimPrefix(web.URL, "http"), "CP1", v16.Messages{}, ocpp.HandlerFunc(station), nil)
	if err != nil {
		b.Fatal(err)
	}
	over := make(chan error, 1)
	go func() { over <- conn.Run(b.Context()) }()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v16.Call(b.Context(), conn, &v16.HeartbeatReq{}); err != nil {
			b.Fatal(err)
		}
	}
	if err := server.Shutdown(b.Context()); err != nil {
		b.Error(err)
	}
	<-over
}
