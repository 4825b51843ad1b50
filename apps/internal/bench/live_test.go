package bench

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"
)

// TestMain lets the test binary be the process of the subscribers.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == LiveClientsFlag {
		if err := RunLiveClients(context.Background(), os.Args[2:], os.Stdout); err != nil {
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
