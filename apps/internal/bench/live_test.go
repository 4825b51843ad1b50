package bench

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"testing"
	"time"
)

// TestMain lets the test binary be the process of the subscribers, or that of the stations.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == LiveClientsFlag {
		if err := RunLiveClients(context.Background(), os.Args[2:], os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if len(os.Args) > 1 && os.Args[1] == StationsFlag {
		if err := RunStations(context.Background(), os.Args[2:], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// All changes come to all subscribers, or the benchmark fails.
func TestLive(t *testing.T) {
	const subscribers = 100
	options := &Options{Duration: 300 * time.Millisecond, Subscribers: subscribers, Progress: func(string) {}}
	results, err := runLive(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	live := results[0]
	if live.Writers != subscribers || live.Events < 2 || live.P50 <= 0 || live.P99 < live.P50 || live.P99 > 10e6 {
		t.Errorf("the result is %+v", live)
	}
	options.Subscribers = 1 << 40
	if _, err := runLive(t.Context(), options); err == nil {
		t.Error("a machine has files for 2^40 subscribers")
	}
}

// A client that gets a newer document in place of changes has these then, and later
// than if they had come; a client that lacks one fails.
func TestLiveClientCounts(t *testing.T) {
	now := time.Now()
	frame := func(kind string, position int, sent time.Time, last bool) []byte {
		text := fmt.Appendf(nil, `{"topic":%q,"position":%d,%q:%s}`, liveTopic, position, kind, liveData(position, sent, last))
		return append([]byte{0x81, 126, byte(len(text) >> 8), byte(len(text))}, text...)
	}
	for name, test := range map[string]struct {
		frames    [][]byte
		changes   int
		conflated int
		wrong     bool
	}{
		"changes":       {[][]byte{frame("change", 1, now, false), frame("change", 2, now, true)}, 2, 0, false},
		"a document":    {[][]byte{frame("change", 1, now, false), frame("document", 4, now, false), frame("change", 5, now, true)}, 2, 3, false},
		"the last one":  {[][]byte{frame("document", 3, now, true)}, 0, 3, false},
		"a hole":        {[][]byte{frame("change", 1, now, false), frame("change", 3, now, true)}, 0, 0, true},
		"one twice":     {[][]byte{frame("change", 1, now, false), frame("change", 1, now, true)}, 0, 0, true},
		"an old one":    {[][]byte{frame("change", 1, now, false), frame("document", 1, now, true)}, 0, 0, true},
		"it is cut off": {[][]byte{frame("change", 1, now, false)}, 0, 0, true},
	} {
		c := liveClient{in: bufio.NewReaderSize(bytes.NewReader(bytes.Join(test.frames, nil)), 1024)}
		err := c.receive()
		if (err != nil) != test.wrong {
			t.Errorf("%s: %v", name, err)
		}
		if !test.wrong && (len(c.times)-c.conflated != test.changes || c.conflated != test.conflated) {
			t.Errorf("%s: %d times, %d conflated", name, len(c.times), c.conflated)
		}
	}
	c := liveClient{in: bufio.NewReaderSize(bytes.NewReader(frame("document", 3, now, true)), 1024)}
	if err := c.receive(); err != nil || time.Duration(c.times[0]-c.times[2]) < 2*time.Second/liveRate {
		t.Errorf("%v: the first of three changes took %v, the last %v", err, c.times[0], c.times[2])
	}
}
